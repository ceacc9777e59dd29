using System.Buffers.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Verification.DPoP;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.SenderConstraint;

/// <summary>
/// What the tokens of a request are to be bound to: the key of its DPoP proof (RFC 9449 section 5), the certificate of its connection (RFC 8705
/// section 3). Judged once the client is known, before anything is used up: an answer that asks for a nonce costs the client nothing.
/// </summary>
internal sealed class SenderConstraints(DPoPProofs proofs)
{
    /// <summary>Judges a request to the token endpoint.</summary>
    /// <returns>
    /// What its tokens are to be bound to; <c>invalid_dpop_proof</c>, <c>use_dpop_nonce</c>, or <c>invalid_request</c> for a missing certificate.
    /// </returns>
    public Result<SenderConstraint> Judge(HttpContext context, Client client, ServerConfiguration configuration)
    {
        string? certificate = null;
        if (client.Metadata.TlsClientCertificateBoundAccessTokens == true && (certificate = ClientCertificate.Thumbprint(context)) is null)
            return OAuthError.InvalidRequest("The access tokens of this client are bound to its certificate (tls_client_certificate_bound_access_tokens), and the connection has none; use the addresses of mtls_endpoint_aliases, and connect with the certificate.");

        if (!DPoPProofs.HasProof(context))
        {
            if (client.Metadata.DpopBoundAccessTokens)
                return OAuthError.InvalidDPoPProof("The access tokens of this client are bound to a key (dpop_bound_access_tokens), and the request has no DPoP header; send a proof in it.");
            return certificate is null ? SenderConstraint.None : new SenderConstraint(new Confirmation(null, certificate), null);
        }

        if (proofs.Judge(context, configuration).Refused(out var error, out var proof)) return error;
        return CheckAlgorithm(client, proof) ?? (Result<SenderConstraint>)new SenderConstraint(new Confirmation(proof.KeyThumbprint, certificate), proof);
    }

    /// <summary>
    /// Judges the use of an access token at an endpoint of this server: a token that is bound must come with the proof of its key under the scheme DPoP
    /// (RFC 9449 section 7), and over a connection with its certificate (RFC 8705 section 3).
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="configuration">Whose keys count.</param>
    /// <param name="token">The token as it came, verified.</param>
    /// <param name="isDPoP">Whether it came under the scheme DPoP.</param>
    /// <param name="confirmation">What it is bound to.</param>
    /// <returns>The error, to be answered with 401; null if the use is right. Then the proof is used up.</returns>
    public async ValueTask<OAuthError?> CheckUseAsync(
        HttpContext context, ServerConfiguration configuration, string token, bool isDPoP, Confirmation? confirmation)
    {
        if (confirmation?.CertificateThumbprint is { } certificate && ClientCertificate.Thumbprint(context) != certificate)
            return OAuthError.InvalidToken("The access token is bound to a certificate, and the connection does not have it; connect with the certificate that the token was asked for with.");
        if (confirmation?.KeyThumbprint is not { } key)
            return isDPoP ? OAuthError.InvalidToken("The access token is bound to no key; send it with the scheme Bearer.") : null;
        if (!isDPoP) return OAuthError.InvalidToken("The access token is bound to a key; send it with the scheme DPoP and a proof in the header DPoP.");
        if (proofs.Judge(context, configuration, token, key).Refused(out var error, out var proof)) return AtResource(error);
        return await proofs.UseAsync(proof, configuration).ConfigureAwait(false) is { } used ? AtResource(used) : null;
    }

    // RFC 9449 section 7.1: where tokens are used, the refusal of a proof is a challenge.
    private static OAuthError AtResource(OAuthError error) => error.Status == StatusCodes.Status400BadRequest ? error with { Status = StatusCodes.Status401Unauthorized } : error;

    /// <summary>Uses the proof of a request up, where nothing else makes sure that the request can succeed only once.</summary>
    /// <returns>Null if there was no proof, or if this was its first use; otherwise the error.</returns>
    public ValueTask<OAuthError?> UseAsync(SenderConstraint constraint, ServerConfiguration configuration) =>
        constraint.Proof is { } proof ? proofs.UseAsync(proof, configuration) : default;

    /// <summary>
    /// The key that the code of an authorization request is to be bound to (RFC 9449 section 10): that of <c>dpop_jkt</c>, or of the proof of a pushed
    /// request, which is the same as sending <c>dpop_jkt</c>; both must agree (section 10.1). The proof is used up.
    /// </summary>
    /// <param name="context">The request to the pushed authorization request endpoint.</param>
    /// <param name="client">Whose it is.</param>
    /// <param name="parameters">The authorization request.</param>
    /// <param name="configuration">Whose keys count.</param>
    /// <returns>The thumbprint to keep with the request as its <c>dpop_jkt</c>; <see cref="NoKey"/> if there is none.</returns>
    public async ValueTask<Result<string>> PushedKeyAsync(HttpContext context, Client client, Parameters parameters, ServerConfiguration configuration)
    {
        var named = parameters[ParameterNames.DPoPKeyThumbprint];
        if (CheckKeyThumbprint(named) is { } malformed) return malformed;
        if (!DPoPProofs.HasProof(context)) return named ?? NoKey;
        if (proofs.Judge(context, configuration).Refused(out var error, out var proof)) return error;
        if (CheckAlgorithm(client, proof) is { } weak) return weak;
        if (named is not null && named != proof.KeyThumbprint)
            return OAuthError.InvalidDPoPProof("dpop_jkt is not the thumbprint of the proof's key; send the one of the key that signs the proofs, or leave dpop_jkt out.");
        return await proofs.UseAsync(proof, configuration).ConfigureAwait(false) is { } used ? used : proof.KeyThumbprint;
    }

    private static OAuthError? CheckAlgorithm(Client client, VerifiedDPoPProof proof) => client.Requirements.Takes(proof.Algorithm)
        ? null
        : OAuthError.InvalidDPoPProof($"The alg of a proof of this client is one of {string.Join(", ", client.Requirements.Algorithms!)}.");

    /// <summary>What stands for no key.</summary>
    public const string NoKey = "";

    /// <summary>Judges the form of <c>dpop_jkt</c>: base64url of a SHA-256.</summary>
    /// <returns>The error; null if the parameter is absent or right.</returns>
    public static OAuthError? CheckKeyThumbprint(string? thumbprint) =>
        thumbprint is null || (thumbprint.Length == 43 && Base64Url.IsValid(thumbprint))
            ? null
            : OAuthError.InvalidRequest("dpop_jkt is not a thumbprint: send the base64url of the SHA-256 of the key by RFC 7638, 43 characters.");
}

/// <summary>What the tokens of a request are to be bound to.</summary>
/// <param name="Confirmation">What they will say; null for tokens that anybody may use who holds them.</param>
/// <param name="Proof">The proof, which is good once; null if there was none.</param>
internal sealed record SenderConstraint(Confirmation? Confirmation, VerifiedDPoPProof? Proof)
{
    /// <summary>Bearer tokens.</summary>
    public static SenderConstraint None { get; } = new(null, null);
}
