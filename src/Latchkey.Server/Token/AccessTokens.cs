using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Keys;
using Latchkey.Server.SenderConstraint;
using Latchkey.Server.TokenStatus;
using Latchkey.Storage;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Server.Token;

/// <summary>What an access token of ours says.</summary>
internal sealed record AccessTokenInfo
{
    /// <summary>Its <c>jti</c>.</summary>
    public required string JwtId { get; init; }

    /// <summary>The user, or the client where it acts for itself.</summary>
    public required string Subject { get; init; }

    /// <summary>To whom it was given.</summary>
    public required string ClientId { get; init; }

    /// <summary>The resources it is for, or the issuer.</summary>
    public required IReadOnlyList<string> Audience { get; init; }

    public required ScopeSet Scope { get; init; }

    /// <summary>Unix seconds.</summary>
    public required long IssuedAt { get; init; }

    /// <summary>Unix seconds.</summary>
    public required long ExpiresAt { get; init; }

    /// <summary>When the person signed in, unix seconds; null for a client's own token.</summary>
    public long? AuthTime { get; init; }

    public string? Acr { get; init; }

    /// <summary>What it is bound to, <c>cnf</c>; null for a bearer token.</summary>
    public Confirmation? Confirmation { get; init; }

    /// <summary>Who acts for the subject, <c>act</c> (RFC 8693 section 4.1); null where nobody does.</summary>
    public JsonElement? Actor { get; init; }

    /// <summary>Who alone may act for the subject, <c>may_act</c> (RFC 8693 section 4.4); null where it is not said.</summary>
    public JsonElement? MayAct { get; init; }

    /// <summary>Its index in the Token Status List; null if it has none.</summary>
    public long? StatusIndex { get; init; }

    /// <summary>What it is for in detail (RFC 9396 section 9); null for nothing.</summary>
    public JsonElement? AuthorizationDetails { get; init; }

    /// <summary>The grant behind it; null for a client's own token.</summary>
    public RowId? GrantId { get; init; }

    /// <summary>The grant as it stands, once the token was found alive.</summary>
    public Grant? Grant { get; init; }

    public override string ToString() => $"access token {JwtId} of client {ClientId}";
}

/// <summary>
/// Judges access tokens that come back to the server: made here, not expired, not revoked, their grant alive. Signatures that were verified are
/// remembered, everything that can change is asked each time.
/// </summary>
internal sealed class AccessTokens(ServerOptions options, ClientDirectory directory, Database database)
{
    private const int MaximumLength = 8192;
    private const int RememberedTokens = 8192;

    private readonly JsonWebTokenHandler _handler = new() { MaximumTokenSizeInBytes = MaximumLength };

    // By SHA-256 of the token, so that no token lies in memory. The key ring belongs to the entry: a key that was removed takes its tokens along.
    private readonly ConcurrentDictionary<TokenHash, (KeyRing Keys, AccessTokenInfo Token)> _verified = new();

    /// <summary>Judges a token.</summary>
    /// <param name="token">As presented.</param>
    /// <param name="configuration">Whose keys and clients count.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <returns>What it says, with its grant; or <c>invalid_token</c>.</returns>
    public async ValueTask<Result<AccessTokenInfo>> VerifyAsync(string token, ServerConfiguration configuration, long now)
    {
        if (await ReadAsync(token, configuration).ConfigureAwait(false) is not { } info) return OAuthError.InvalidToken("The access token is not one of this server.");
        if (now >= info.ExpiresAt * 1000) return OAuthError.InvalidToken("The access token has expired; get a new one.");
        if (await directory.FindKnownAsync(info.ClientId, configuration).ConfigureAwait(false) is not { } client) return Dead;

        if (info.GrantId is not { } grantId)
        {
            // Its time is in whole seconds: one that was made within the second of the limit is let live.
            if (info.IssuedAt * 1000 + 999 < client.NotBefore) return Dead;
            return await database.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, info.JwtId)).ConfigureAwait(false) ? Dead : info;
        }

        var (revoked, grant) = await database.ReadAsync(async sql =>
            await RevokedTokens.ContainsAsync(sql, info.JwtId).ConfigureAwait(false)
                ? (true, null)
                : (false, await Grants.FindAsync(sql, grantId).ConfigureAwait(false))).ConfigureAwait(false);
        if (revoked || grant is not { RevokedAt: null }) return Dead;

        // An exchanged token lives by the client that the grant was given to, and by the client that exchanged it.
        if (grant.ClientId != client.Id)
        {
            if (info.IssuedAt * 1000 + 999 < client.NotBefore
                || await directory.FindKnownAsync(grant.ClientId, configuration).ConfigureAwait(false) is not { } holder) return Dead;
            client = holder;
        }

        if (grant.CreatedAt < client.NotBefore) return Dead;
        return info with { Grant = grant };
    }

    /// <summary>Reads a token that this server signed, alive or not; null for anything else.</summary>
    public async ValueTask<AccessTokenInfo?> ReadAsync(string token, ServerConfiguration configuration)
    {
        // A JWT begins with a JSON object in base64url; refresh tokens, codes and garbage are told apart by that.
        if (token.Length > MaximumLength || !token.StartsWith("ey", StringComparison.Ordinal)) return null;
        var hash = TokenHash.Of(token);
        if (_verified.TryGetValue(hash, out var known) && ReferenceEquals(known.Keys, configuration.Keys)) return known.Token;

        if (!OwnSignatures.Verify(configuration.Keys, token, MaximumLength)) return null;
        var result = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = options.Issuer,
            ValidTypes = [JwtTypes.AccessToken],
            // It was verified above.
            SignatureValidator = static (text, _) => new JsonWebToken(text),
            // Which audience a token has is for the caller to judge, and whether it is expired for this server's clock.
            ValidateAudience = false,
            ValidateLifetime = false,
        }).ConfigureAwait(false);
        if (!result.IsValid || result.SecurityToken is not JsonWebToken jwt || Describe(jwt) is not { } info) return null;
        if (_verified.Count >= RememberedTokens) _verified.Clear();
        _verified[hash] = (configuration.Keys, info);
        return info;
    }

    private static OAuthError Dead => OAuthError.InvalidToken("The access token has been revoked; get a new one.");

    private static AccessTokenInfo? Describe(JsonWebToken jwt)
    {
        if (!jwt.TryGetPayloadValue<string>(ClaimNames.ClientId, out var clientId) || jwt.Id is not { Length: > 0 } id || jwt.Subject is not { Length: > 0 } subject)
            return null;
        var scope = jwt.TryGetPayloadValue<string>(ClaimNames.Scope, out var text) ? text : null;
        return new AccessTokenInfo
        {
            JwtId = id,
            Subject = subject,
            ClientId = clientId,
            Audience = [.. jwt.Audiences],
            Scope = ScopeSet.Parse(scope).Succeeded(out var set, out _) ? set : ScopeSet.Empty,
            IssuedAt = EpochTime.GetIntDate(jwt.IssuedAt),
            ExpiresAt = EpochTime.GetIntDate(jwt.ValidTo),
            AuthTime = jwt.TryGetPayloadValue<long>(ClaimNames.AuthenticationTime, out var time) ? time : null,
            Acr = jwt.TryGetPayloadValue<string>(ClaimNames.AuthenticationContext, out var acr) ? acr : null,
            Confirmation = ObjectOf(jwt, ClaimNames.Confirmation) is { } cnf ? Confirmation.Read(cnf) : null,
            Actor = ObjectOf(jwt, ClaimNames.Actor),
            MayAct = ObjectOf(jwt, ClaimNames.MayAct),
            StatusIndex = StatusIndexOf(jwt),
            AuthorizationDetails = jwt.TryGetPayloadValue<JsonElement>(ParameterNames.AuthorizationDetails, out var details) ? details : null,
            GrantId = AccessTokenId.GrantOf(id),
        };
    }

    private static JsonElement? ObjectOf(JsonWebToken jwt, string name) =>
        jwt.TryGetPayloadValue<JsonElement>(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    // The number of the list is the last segment of its address.
    private static long? StatusIndexOf(JsonWebToken jwt) =>
        jwt.TryGetPayloadValue<JsonElement>(ClaimNames.Status, out var status) && status.ValueKind == JsonValueKind.Object
        && status.TryGetProperty(ClaimNames.StatusList, out var list) && list.TryGetProperty("idx", out var position) && list.TryGetProperty("uri", out var uri)
        && uri.GetString() is { } address && long.TryParse(address.AsSpan(address.LastIndexOf('/') + 1), out var number)
            ? number * StatusList.Size + position.GetInt32()
            : null;

    private readonly record struct TokenHash(UInt128 High, UInt128 Low)
    {
        public static TokenHash Of(string token)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(Encoding.UTF8.GetBytes(token), hash);
            return new(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash), System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash[16..]));
        }
    }
}
