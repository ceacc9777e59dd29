using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Keys;
using Latchkey.Server.Profiles;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Latchkey.Server.TokenStatus;

/// <summary>
/// <c>GET /status-lists/{number}</c>: which access tokens of a list are revoked, as a signed Status List Token (draft-ietf-oauth-status-list sections 5
/// and 8). The revoked ones are read anew for each request; the list is signed again only when they changed, or when its signature grows old.
/// </summary>
internal sealed class StatusListEndpoint(ServerOptions options, ConfigurationSource source, Database database, TimeProvider clock)
{
    /// <summary>Lists that are kept signed; more are signed when asked for.</summary>
    private const int Kept = 256;

    private const long LifetimeSeconds = 3600;
    private const string ContentType = "application/statuslist+jwt";

    private readonly string _ofAnyClient = ClientTerms.OfAnyClient(options).Requirements.OrOwn(SigningAlgorithms.RS256);
    private volatile Choice? _choice;
    private readonly ConcurrentDictionary<long, SignedList> _lists = new();

    /// <summary>Answers <c>GET /status-lists/{number}</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        // One spelling for each list, since sub names it.
        var segment = context.Request.RouteValues["number"] as string;
        if (!long.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > long.MaxValue / StatusList.Size - 1
            || number.ToString(CultureInfo.InvariantCulture) != segment || await FindAsync(number).ConfigureAwait(false) is not { } list)
        {
            await Boundary.NotFoundAsync(context).ConfigureAwait(false);
            return;
        }

        var headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = "*";
        headers.CacheControl = $"public, max-age={(int)options.StatusListTtl.TotalSeconds}";
        headers.ETag = list.Tag;
        if (headers.ETag.Count > 0 && Matches(context.Request.Headers.IfNoneMatch, list.Tag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = ContentType;
        context.Response.ContentLength = list.Token.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.Body.WriteAsync(list.Token, context.RequestAborted).ConfigureAwait(false);
    }

    private static bool Matches(StringValues sent, string tag)
    {
        foreach (var value in sent)
        {
            if (value is not null && (value == "*" || value.Contains(tag, StringComparison.Ordinal))) return true;
        }

        return false;
    }

    /// <summary>The list as of now; null for one that no token is in yet.</summary>
    private async ValueTask<SignedList?> FindAsync(long number)
    {
        var configuration = source.Current;
        var first = number * StatusList.Size;
        (bool Exists, List<long> Revoked) found;
        try
        {
            found = await database.ReadAsync(async sql =>
                (await StatusListIndexes.NextAsync(sql).ConfigureAwait(false) > first,
                    await StatusListIndexes.ListRevokedAsync(sql, first, first + StatusList.Size).ConfigureAwait(false))).ConfigureAwait(false);
        }
        catch (DatabaseUnavailableException) when (_lists.TryGetValue(number, out var known) && Now < known.ExpiresAt)
        {
            // Nothing can be revoked either while the database is away.
            return known;
        }

        if (!found.Exists) return null;
        var limits = RevokedBefore.Of(configuration, options, Now);
        if (_lists.TryGetValue(number, out var signed) && signed.IsCurrent(found.Revoked, limits, configuration.Keys, AlgorithmOf(configuration), Now)) return signed;

        signed = Sign(number, found.Revoked, limits, configuration);
        if (_lists.Count >= Kept) _lists.Clear();
        return _lists[number] = signed;
    }

    private long Now => clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>
    /// How lists are signed. One list serves the APIs of all clients, so that it goes by the strictest: where a profile leaves an API no choice (FAPI 2.0
    /// Security Profile section 5.4.1), the others take that algorithm too.
    /// </summary>
    private string AlgorithmOf(ServerConfiguration configuration)
    {
        if (_choice is { } known && ReferenceEquals(known.Configuration, configuration)) return known.Algorithm;
        var algorithm = configuration.Clients.FirstOrDefault(client => !client.Requirements.Takes(_ofAnyClient)) is { } strict ? strict.Requirements.OrOwn(_ofAnyClient) : _ofAnyClient;
        _choice = new(configuration, algorithm);
        return algorithm;
    }

    private SignedList Sign(long number, List<long> revoked, RevokedBefore limits, ServerConfiguration configuration)
    {
        var (now, algorithm, keys) = (Now, AlgorithmOf(configuration), configuration.Keys);
        var claims = (options.Issuer, Subject: StatusList.Address(options, number), Now: now, Ttl: (long)options.StatusListTtl.TotalSeconds, List: StatusList.Encode(revoked), Limits: limits);
        var token = JwtWriter.Write(keys.Signer(algorithm, now * 1000), JwtTypes.StatusList, claims, static (json, claims) =>
        {
            json.WriteString("iss"u8, claims.Issuer);
            json.WriteString("sub"u8, claims.Subject);
            json.WriteNumber("iat"u8, claims.Now);
            json.WriteNumber("exp"u8, claims.Now + LifetimeSeconds);
            json.WriteNumber("ttl"u8, claims.Ttl);
            json.WriteStartObject("status_list"u8);
            json.WriteNumber("bits"u8, 1);
            json.WriteString("lst"u8, claims.List);
            json.WriteEndObject();
            claims.Limits.Write(json);
        });
        return new(Encoding.ASCII.GetBytes(token), revoked, limits, keys, algorithm, now, now + LifetimeSeconds);
    }

    private sealed record SignedList(byte[] Token, List<long> Revoked, RevokedBefore Limits, KeyRing Keys, string Algorithm, long SignedAt, long ExpiresAt)
    {
        public string Tag { get; } = $"\"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Token).AsSpan(0, 12))}\"";

        // Signed again well before it expires, when a key came or went, and when a client came that takes no such signature.
        public bool IsCurrent(List<long> revoked, RevokedBefore limits, KeyRing keys, string algorithm, long now) =>
            ReferenceEquals(Keys, keys) && Algorithm == algorithm && now < SignedAt + LifetimeSeconds / 2 && Limits.Equals(limits) && Revoked.SequenceEqual(revoked);
    }

    private sealed record Choice(ServerConfiguration Configuration, string Algorithm);
}
