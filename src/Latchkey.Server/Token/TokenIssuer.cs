using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.TokenStatus;
using Latchkey.Server.UserInfo;
using Latchkey.Storage;

namespace Latchkey.Server.Token;

/// <summary>Makes the tokens of an answer: access tokens by RFC 9068, ID tokens by OpenID Connect Core section 2, refresh tokens.</summary>
internal sealed class TokenIssuer(ServerOptions options, StatusIndexes statusIndexes)
{
    /// <summary>The longest that an access token may live unless its resource allows more.</summary>
    private const int LongestSeconds = 3600;

    /// <summary>Makes what a grant came to.</summary>
    /// <param name="issuance">What to issue.</param>
    /// <param name="client">To whom.</param>
    /// <param name="configuration">Whose keys sign.</param>
    /// <param name="now">Unix milliseconds.</param>
    public TokenResponse Issue(Issuance issuance, Client client, ServerConfiguration configuration, long now)
    {
        var seconds = now / 1000;
        var expires = AccessTokenExpiry(issuance, client, seconds);
        var scope = issuance.Scope.ToString();
        // An access token's subject is the same as the ID token's: its client can read it, and its API tells people apart as that client does.
        var subject = issuance.User is { } person ? SubjectIdentifiers.Of(person.Subject, client, configuration.Keys) : issuance.Subject ?? client.Id;
        var accessToken = JwtWriter.Write(
            configuration.Keys.Signer(client.Requirements.OrOwn(AccessTokenAlgorithm(issuance.Resources)), now),
            JwtTypes.AccessToken,
            new AccessTokenClaims(
                options, issuance, client, subject, scope, seconds, expires, issuance.Grant is { } grant ? grant.StatusIndex : statusIndexes.Take()),
            static (json, claims) => claims.Write(json));

        string? idToken = null;
        if (issuance is { WithIdToken: true, User: not null, Grant: not null })
        {
            var signer = configuration.Keys.Signer(client.Metadata.IdTokenSignedResponseAlg ?? SigningAlgorithms.RS256, now);
            idToken = JwtWriter.Write(
                signer,
                JwtTypes.IdToken,
                new IdTokenClaims(options.Issuer, issuance, client.Id, subject, signer.Algorithm, accessToken, seconds, seconds + (long)options.IdTokenLifetime.TotalSeconds),
                static (json, claims) => claims.Write(json));
        }

        return new TokenResponse(
            accessToken,
            issuance.Confirmation?.TokenType ?? TokenTypes.Bearer,
            (int)(expires - seconds),
            scope,
            issuance.RefreshGeneration is { } generation ? new RefreshToken(issuance.Grant!.Id, generation).Write(configuration.Keys) : null,
            idToken)
        {
            IssuedTokenType = issuance.IssuedTokenType,
            AuthorizationDetails = issuance.AuthorizationDetails is { } details ? JsonElement.Parse(details) : null,
        };
    }

    /// <summary>How long an access token lives: what its resources say, the shortest of several; else the client; else the server.</summary>
    /// <returns>Seconds.</returns>
    public int AccessTokenLifetime(IReadOnlyList<ResourceMetadata> resources, Client client)
    {
        var usual = client.Metadata.AccessTokenLifetime ?? (int)options.AccessTokenLifetime.TotalSeconds;
        if (resources.Count == 0) return Math.Min(usual, LongestSeconds);
        var shortest = int.MaxValue;
        for (var i = 0; i < resources.Count; i++)
        {
            var lifetime = resources[i].AccessTokenLifetime ?? usual;
            if (!resources[i].AllowLongLivedAccessTokens) lifetime = Math.Min(lifetime, LongestSeconds);
            shortest = Math.Min(shortest, lifetime);
        }

        return shortest;
    }

    // An access token never outlives its grant, nor the token it was exchanged for.
    private long AccessTokenExpiry(Issuance issuance, Client client, long seconds)
    {
        var expires = seconds + AccessTokenLifetime(issuance.Resources, client);
        if (issuance.ExpiresAt is { } latest) expires = Math.Max(seconds + 1, Math.Min(expires, latest));
        return issuance.Grant is { } grant ? Math.Max(seconds + 1, Math.Min(expires, grant.ExpiresAt / 1000)) : expires;
    }

    // Resources that disagree get what every OpenID Connect relying party must know.
    private static string AccessTokenAlgorithm(IReadOnlyList<ResourceMetadata> resources)
    {
        if (resources.Count == 0) return SigningAlgorithms.RS256;
        var algorithm = resources[0].AccessTokenSignedResponseAlg ?? SigningAlgorithms.RS256;
        for (var i = 1; i < resources.Count; i++)
        {
            if ((resources[i].AccessTokenSignedResponseAlg ?? SigningAlgorithms.RS256) != algorithm) return SigningAlgorithms.RS256;
        }

        return algorithm;
    }

    /// <summary>The claims of an access token, RFC 9068 section 2.2.</summary>
    private readonly record struct AccessTokenClaims(
        ServerOptions Options, Issuance Issuance, Client Client, string Subject, string Scope, long IssuedAt, long Expires, long? StatusIndex)
    {
        public void Write(Utf8JsonWriter json)
        {
            json.WriteString("iss"u8, Options.Issuer);
            json.WriteString("sub"u8, Subject);
            WriteAudience(json);
            json.WriteString("client_id"u8, Client.Id);
            json.WriteNumber("iat"u8, IssuedAt);
            json.WriteNumber("exp"u8, Expires);
            WriteJwtId(json);
            if (Scope.Length > 0) json.WriteString("scope"u8, Scope);
            Issuance.Confirmation?.Write(json);
            if (Issuance.Grant is { } grant)
            {
                json.WriteNumber("auth_time"u8, grant.AuthTime);
                if (grant.Terms.Acr is { } acr) json.WriteString("acr"u8, acr);
            }

            if (Issuance.Actor is { } actor)
            {
                json.WritePropertyName("act"u8);
                json.WriteRawValue(actor);
            }

            if (StatusIndex is { } index) WriteStatus(json, index);
            if (Issuance.AuthorizationDetails is { } details)
            {
                json.WritePropertyName("authorization_details"u8);
                json.WriteRawValue(details, skipInputValidation: true);
            }

            if (Issuance.User is not { } user) return;
            if (Client.Metadata.MayAct is { } mayAct)
            {
                json.WriteStartObject("may_act"u8);
                json.WriteString("sub"u8, mayAct);
                json.WriteEndObject();
            }

            WriteUserClaims(json, user);
        }

        // draft-ietf-oauth-status-list section 6.1: where an API learns whether the token was revoked since.
        private void WriteStatus(Utf8JsonWriter json, long index)
        {
            json.WriteStartObject("status"u8);
            json.WriteStartObject("status_list"u8);
            json.WriteNumber("idx"u8, StatusList.PositionOf(index));
            json.WriteString("uri"u8, StatusList.Address(Options, StatusList.ListOf(index)));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        // Only what a resource asks for, and once, since several resources can ask for the same.
        private void WriteUserClaims(Utf8JsonWriter json, User user)
        {
            var resources = Issuance.Resources;
            if (resources.Count == 1)
            {
                UserClaims.Write(json, user, resources[0].AccessTokenClaims);
                return;
            }

            var names = new List<string>();
            for (var i = 0; i < resources.Count; i++)
            {
                foreach (var name in resources[i].AccessTokenClaims)
                {
                    if (!names.Contains(name)) names.Add(name);
                }
            }

            UserClaims.Write(json, user, names);
        }

        private void WriteAudience(Utf8JsonWriter json)
        {
            var resources = Issuance.Resources;
            if (resources.Count <= 1)
            {
                json.WriteString("aud"u8, resources.Count == 0 ? Options.Issuer : resources[0].Resource);
                return;
            }

            json.WriteStartArray("aud"u8);
            for (var i = 0; i < resources.Count; i++) json.WriteStringValue(resources[i].Resource);
            json.WriteEndArray();
        }

        // The id of a grant's token begins with the grant's, so that the grant is found from the token without another claim.
        private void WriteJwtId(Utf8JsonWriter json)
        {
            Span<byte> id = stackalloc byte[AccessTokenId.OfGrantSize];
            if (Issuance.Grant is { } grant)
            {
                grant.Id.Write(id);
                RandomNumberGenerator.Fill(id[RowId.Size..]);
            }
            else
            {
                id = id[..AccessTokenId.OfClientSize];
                RandomNumberGenerator.Fill(id);
            }

            Span<byte> text = stackalloc byte[Base64Url.GetEncodedLength(id.Length)];
            Base64Url.EncodeToUtf8(id, text);
            json.WriteString("jti"u8, text);
        }
    }

    /// <summary>The claims of an ID token, OpenID Connect Core section 2.</summary>
    private readonly record struct IdTokenClaims(
        string Issuer, Issuance Issuance, string ClientId, string Subject, string Algorithm, string AccessToken, long IssuedAt, long Expires)
    {
        public void Write(Utf8JsonWriter json)
        {
            var grant = Issuance.Grant!;
            json.WriteString("iss"u8, Issuer);
            json.WriteString("sub"u8, Subject);
            json.WriteString("aud"u8, ClientId);
            json.WriteNumber("exp"u8, Expires);
            json.WriteNumber("iat"u8, IssuedAt);
            json.WriteNumber("auth_time"u8, grant.AuthTime);
            if (Issuance.Nonce is { } nonce) json.WriteString("nonce"u8, nonce);
            if (grant.Terms.Acr is { } acr) json.WriteString("acr"u8, acr);
            if (grant.Terms.Amr.Count > 0)
            {
                json.WriteStartArray("amr"u8);
                foreach (var method in grant.Terms.Amr) json.WriteStringValue(method);
                json.WriteEndArray();
            }

            WriteAccessTokenHash(json);
            if (Issuance.SessionId is { } session) json.WriteString("sid"u8, session.ToString());
            UserClaims.Write(json, Issuance.User!, Protocol.ScopeSet.Empty, grant.Terms.Claims, ClaimsTarget.IdToken);
        }

        // OpenID Connect Core section 3.1.3.6: half of the hash that goes with the ID token's algorithm.
        private void WriteAccessTokenHash(Utf8JsonWriter json)
        {
            Span<byte> hash = stackalloc byte[SHA512.HashSizeInBytes];
            var size = CryptographicOperations.HashData(SigningAlgorithms.HashOf(Algorithm), Encoding.ASCII.GetBytes(AccessToken), hash) / 2;
            Span<byte> text = stackalloc byte[Base64Url.GetEncodedLength(size)];
            Base64Url.EncodeToUtf8(hash[..size], text);
            json.WriteString("at_hash"u8, text);
        }
    }
}

/// <summary>The two forms of an access token's <c>jti</c>.</summary>
internal static class AccessTokenId
{
    /// <summary>The grant's id and 96 random bits.</summary>
    public const int OfGrantSize = RowId.Size + 12;

    /// <summary>128 random bits, where there is no grant.</summary>
    public const int OfClientSize = 16;

    /// <summary>The grant of an access token; null if it is a client's own.</summary>
    public static RowId? GrantOf(string jwtId)
    {
        Span<byte> bytes = stackalloc byte[OfGrantSize];
        return jwtId.Length == Base64Url.GetEncodedLength(OfGrantSize) && Base64Url.IsValid(jwtId)
            && Base64Url.TryDecodeFromChars(jwtId, bytes, out var written) && written == OfGrantSize
            ? RowId.From(bytes)
            : null;
    }
}
