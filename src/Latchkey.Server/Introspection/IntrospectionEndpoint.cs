using System.Buffers;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Token;
using Latchkey.Server.UserInfo;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Introspection;

/// <summary>
/// Token introspection, RFC 7662. A token's own confidential client and the clients of its resources are told what it says; to anyone else every token
/// is inactive, so that nobody can go fishing (section 4).
/// </summary>
internal sealed class IntrospectionEndpoint(
    ServerOptions options, ConfigurationSource configurations, ClientDirectory directory, ClientAuthenticator authenticator, AccessTokens accessTokens, ClientEncryption encryption,
    Database database, TimeProvider clock)
{
    private const string JwtMediaType = "application/token-introspection+jwt";

    private static readonly byte[] Inactive = "{\"active\":false}"u8.ToArray();

    /// <summary>Answers <c>POST /introspect</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        var configuration = configurations.Current;
        if ((await RequestForm.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        if ((await authenticator.AuthenticateAsync(context, form, configuration).ConfigureAwait(false)).Refused(out error, out var caller))
        {
            await authenticator.WriteFailureAsync(context, error).ConfigureAwait(false);
            return;
        }

        if (caller.Metadata.IsPublic)
        {
            await authenticator.WriteFailureAsync(context, OAuthError.InvalidClient("Introspection is for clients that authenticate; this one is public.")).ConfigureAwait(false);
            return;
        }

        if (form[ParameterNames.Token] is not { } token)
        {
            await context.WriteErrorAsync(OAuthError.InvalidRequest("token is missing.")).ConfigureAwait(false);
            return;
        }

        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        // token_type_hint is not needed: a token shows what it is.
        var answer = token.StartsWith(RefreshToken.Prefix, StringComparison.Ordinal)
            ? await RefreshTokenAsync(token, caller, configuration, now).ConfigureAwait(false)
            : await AccessTokenAsync(token, caller, configuration, now).ConfigureAwait(false);
        context.NoStore();
        await WriteAsync(context, answer, caller, configuration, now).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes the answer: as JSON, or signed for who asks for that (RFC 9701), so that the caller can prove later what it was told; and then encrypted to
    /// the caller, if it is registered for that.
    /// </summary>
    private async ValueTask WriteAsync(HttpContext context, ReadOnlyMemory<byte> answer, Client caller, ServerConfiguration configuration, long now)
    {
        context.Response.Headers.Vary = "Accept";
        if (!AsksForJwt(context))
        {
            await context.WriteJsonAsync(answer).ConfigureAwait(false);
            return;
        }

        var signer = configuration.Keys.Signer(caller.Metadata.IntrospectionSignedResponseAlg ?? SigningAlgorithms.RS256, now);
        var token = JwtWriter.Write(signer, JwtTypes.TokenIntrospection, (options.Issuer, caller.Id, IssuedAt: now / 1000, answer), static (json, claims) =>
        {
            json.WriteString("iss"u8, claims.Issuer);
            json.WriteString("aud"u8, claims.Id);
            json.WriteNumber("iat"u8, claims.IssuedAt);
            // What the token says stays apart, so that this JWT is never taken for the token (RFC 9701 section 5).
            json.WritePropertyName("token_introspection"u8);
            json.WriteRawValue(claims.answer.Span);
        });
        var sealing = encryption.EncryptAsync(token, caller, caller.Metadata.IntrospectionEncryptedResponseAlg, caller.Metadata.IntrospectionEncryptedResponseEnc);
        if ((await sealing.ConfigureAwait(false)).Refused(out var error, out var jwt)) await context.WriteErrorAsync(error).ConfigureAwait(false);
        else await context.WriteJwtAsync(jwt, JwtMediaType).ConfigureAwait(false);
    }

    // Who takes anything is content with JSON; only the type by its name asks for a JWT (RFC 9701 section 4).
    private static bool AsksForJwt(HttpContext context)
    {
        foreach (var header in context.Request.Headers.Accept)
        {
            foreach (var range in (header ?? "").Split(','))
            {
                var parts = range.Split(';', StringSplitOptions.TrimEntries);
                if (parts[0].Trim().Equals(JwtMediaType, StringComparison.OrdinalIgnoreCase) && !parts.Skip(1).Any(part => part is "q=0" or "q=0.0" or "q=0.00" or "q=0.000")) return true;
            }
        }

        return false;
    }

    private async ValueTask<ReadOnlyMemory<byte>> AccessTokenAsync(string token, Client caller, ServerConfiguration configuration, long now)
    {
        if ((await accessTokens.VerifyAsync(token, configuration, now).ConfigureAwait(false)).Refused(out _, out var info)
            || !MayKnow(caller, info, configuration)) return Inactive;
        var user = info.Grant is not { } grant ? null : await database.ReadAsync(sql => Users.FindAsync(sql, grant.Subject)).ConfigureAwait(false);
        if (info.Grant is not null && user is null or { DisabledAt: not null }) return Inactive;
        var holder = await directory.FindKnownAsync(info.ClientId, configuration).ConfigureAwait(false);

        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteBoolean("active"u8, true);
            json.WriteString("scope"u8, info.Scope.ToString());
            json.WriteString("client_id"u8, info.ClientId);
            if (user is not null && holder is { SectorIdentifier: null }) json.WriteString("username"u8, user.Username);
            json.WriteString("token_type"u8, info.Confirmation?.TokenType ?? TokenTypes.Bearer);
            json.WriteNumber("exp"u8, info.ExpiresAt);
            json.WriteNumber("iat"u8, info.IssuedAt);
            json.WriteString("sub"u8, info.Subject);
            WriteAudience(json, info.Audience);
            json.WriteString("iss"u8, options.Issuer);
            json.WriteString("jti"u8, info.JwtId);
            if (info.AuthTime is { } time) json.WriteNumber("auth_time"u8, time);
            if (info.Acr is { } acr) json.WriteString("acr"u8, acr);
            if (info.AuthorizationDetails is { } details)
            {
                json.WritePropertyName("authorization_details"u8);
                details.WriteTo(json);
            }

            info.Confirmation?.Write(json);
            if (info.Actor is { } actor)
            {
                json.WritePropertyName("act"u8);
                actor.WriteTo(json);
            }

            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    // A refresh token is nobody's business but its client's.
    private async ValueTask<ReadOnlyMemory<byte>> RefreshTokenAsync(string text, Client caller, ServerConfiguration configuration, long now)
    {
        if (RefreshToken.Read(configuration.Keys, text) is not { } token) return Inactive;
        var (grant, user) = await database.ReadAsync(async sql =>
            await Grants.FindAsync(sql, token.GrantId).ConfigureAwait(false) is { } found
                ? (found, await Users.FindAsync(sql, found.Subject).ConfigureAwait(false))
                : ((Grant?)null, (User?)null)).ConfigureAwait(false);
        if (grant is null || user is null or { DisabledAt: not null } || grant.ClientId != caller.Id || grant.Generation != token.Generation
            || !grant.IsAlive(now) || grant.CreatedAt < caller.NotBefore) return Inactive;

        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteBoolean("active"u8, true);
            json.WriteString("scope"u8, grant.Terms.Scope);
            json.WriteString("client_id"u8, grant.ClientId);
            if (caller.SectorIdentifier is null) json.WriteString("username"u8, user.Username);
            json.WriteNumber("exp"u8, Math.Min(grant.ExpiresAt, grant.RotatedAt + grant.IdleSeconds * 1000L) / 1000);
            json.WriteNumber("iat"u8, grant.RotatedAt / 1000);
            json.WriteString("sub"u8, SubjectIdentifiers.Of(grant.Subject, caller, configuration.Keys));
            json.WriteString("iss"u8, options.Issuer);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private static bool MayKnow(Client caller, AccessTokenInfo token, ServerConfiguration configuration)
    {
        if (token.ClientId == caller.Id) return true;
        foreach (var audience in token.Audience)
        {
            if (configuration.FindResource(audience)?.Clients.Contains(caller.Id) == true) return true;
        }

        return false;
    }

    private static void WriteAudience(Utf8JsonWriter json, IReadOnlyList<string> audience)
    {
        if (audience.Count == 1)
        {
            json.WriteString("aud"u8, audience[0]);
            return;
        }

        json.WriteStartArray("aud"u8);
        foreach (var one in audience) json.WriteStringValue(one);
        json.WriteEndArray();
    }
}
