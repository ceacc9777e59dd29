using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Client.Endpoints;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Jose;

namespace Latchkey.Client.Authorization;

/// <summary>Verifies ID tokens by OpenID Connect Core section 3.1.3.7; the signature even where the section lets a client leave it out.</summary>
internal sealed class IdTokenVerifier(EndpointCaller caller)
{
    /// <summary>An ID token that came with a code or device code.</summary>
    /// <param name="value">The token.</param>
    /// <param name="nonce">What was sent; null if nothing was.</param>
    /// <param name="maxAge">The <c>max_age</c> that was sent; null if none was.</param>
    /// <param name="accessToken">The access token it came with.</param>
    /// <param name="cancellationToken">Ends the fetching of keys.</param>
    public async ValueTask<IdToken> VerifyAsync(string value, string? nonce, int? maxAge, string accessToken, CancellationToken cancellationToken)
    {
        var token = await SignedAsync(value, accessToken, cancellationToken).ConfigureAwait(false);
        if (nonce is not null)
        {
            var sent = token.Text(ClaimNames.Nonce) ?? throw new OAuthException(ClientRefusals.NonceMissing());
            if (!FixedTime.Equal(sent, nonce)) throw new OAuthException(ClientRefusals.NonceMismatch());
        }

        if (maxAge is { } seconds)
        {
            var oldest = caller.Clock.GetUtcNow() - TimeSpan.FromSeconds(seconds) - caller.Options.ClockSkew;
            if (token.AuthenticatedAt is not { } at || at < oldest) throw new OAuthException(ClientRefusals.AuthenticationTooOld(seconds));
        }

        return token;
    }

    /// <summary>An ID token that came with a refresh: about the same person, for the same audience (section 12.2).</summary>
    public async ValueTask<IdToken> VerifyRefreshedAsync(string value, IdToken? previous, string accessToken, CancellationToken cancellationToken)
    {
        var token = await SignedAsync(value, accessToken, cancellationToken).ConfigureAwait(false);
        if (previous is null) return token;
        if (token.Issuer != previous.Issuer) throw Mismatch(ClaimNames.Issuer);
        if (token.Subject != previous.Subject) throw Mismatch(ClaimNames.Subject);
        if (!token.Audiences.ToHashSet(StringComparer.Ordinal).SetEquals(previous.Audiences)) throw Mismatch(ClaimNames.Audience);
        if (token.Text(ClaimNames.AuthorizedParty) != previous.Text(ClaimNames.AuthorizedParty)) throw Mismatch(ClaimNames.AuthorizedParty);
        // These may be left out, but not say something else.
        if (token.Text(ClaimNames.Nonce) is { } nonce && nonce != previous.Text(ClaimNames.Nonce)) throw Mismatch(ClaimNames.Nonce);
        if (token.AuthenticatedAt is { } at && previous.AuthenticatedAt is { } first && at != first) throw Mismatch(ClaimNames.AuthenticationTime);
        return token;

        static OAuthException Mismatch(string claim) => new(ClientRefusals.RefreshedMismatch(claim));
    }

    private async ValueTask<IdToken> SignedAsync(string value, string accessToken, CancellationToken cancellationToken)
    {
        var options = caller.Options;
        // It is signed first and encrypted then (section 2): what is kept, and shown at logout, is what was inside.
        value = Encrypted.Open(value, options);
        // Signature, alg, typ, iss, aud, exp, nbf: the checks that all JWTs have in common.
        var verdict = await JwtVerifier.VerifyAsync(value, caller.Provider, JwtKinds.IdToken(options), caller.Clock, cancellationToken).ConfigureAwait(false);
        if (verdict.Refused(out var refusal, out var jws)) throw new OAuthException(caller.TheirClock.Explain(refusal));
        var token = IdToken.FromStored(value);
        if (token.Subject is not { Length: > 0 and <= 255 }) throw new OAuthException(ClientRefusals.IdTokenClaimMissing(ClaimNames.Subject));
        if (token.IssuedAt is null) throw new OAuthException(ClientRefusals.IdTokenClaimMissing(ClaimNames.IssuedAt));
        CheckAuthorizedParty(token, options.ClientId);
        CheckAccessTokenHash(token, jws.Header.Algorithm, accessToken);
        return token;
    }

    private static void CheckAuthorizedParty(IdToken token, string clientId)
    {
        var party = token.Text(ClaimNames.AuthorizedParty);
        if (party is null && token.Claims.TryGetProperty(ClaimNames.AuthorizedParty, out _))
            throw new OAuthException(ClientRefusals.IdTokenClaimMissing(ClaimNames.AuthorizedParty));
        if (party is null && token.Audiences.Count > 1) throw new OAuthException(ClientRefusals.AuthorizedPartyMissing());
        if (party is not null && party != clientId) throw new OAuthException(ClientRefusals.AuthorizedPartyMismatch());
    }

    // Optional in this flow (section 3.1.3.8), but wrong is wrong: the access token would be another's.
    private static void CheckAccessTokenHash(IdToken token, string algorithm, string accessToken)
    {
        if (!token.Claims.TryGetProperty(ClaimNames.AccessTokenHash, out var claim)) return;
        var hash = Hash(algorithm, Encoding.ASCII.GetBytes(accessToken));
        if (claim.ValueKind != JsonValueKind.String || !FixedTime.Equal(claim.GetString()!, Base64Url.EncodeToString(hash.AsSpan(0, hash.Length / 2))))
            throw new OAuthException(ClientRefusals.AccessTokenHashMismatch());
    }

    private static byte[] Hash(string algorithm, byte[] data) =>
        algorithm.EndsWith("384", StringComparison.Ordinal) ? SHA384.HashData(data)
        // Ed25519 signs with SHA-512.
        : algorithm.EndsWith("512", StringComparison.Ordinal) || algorithm.StartsWith("Ed", StringComparison.Ordinal) ? SHA512.HashData(data)
        : SHA256.HashData(data);
}
