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
        if (!DPoPProofs.HasProof(context))
        {
            return client.Metadata.DpopBoundAccessTokens
                ? OAuthError.InvalidDPoPProof("The access tokens of this client are bound to a key (dpop_bound_access_tokens), and the request has no DPoP header; send a proof in it.")
                : SenderConstraint.None;
        }

        return proofs.Judge(context, configuration).Refused(out var error, out var proof)
            ? error
            : new SenderConstraint(new Confirmation(proof.KeyThumbprint, null), proof);
    }

    /// <summary>Uses the proof of a request up, where nothing else makes sure that the request can succeed only once.</summary>
    /// <returns>Null if there was no proof, or if this was its first use; otherwise the error.</returns>
    public ValueTask<OAuthError?> UseAsync(SenderConstraint constraint, ServerConfiguration configuration) =>
        constraint.Proof is { } proof ? proofs.UseAsync(proof, configuration) : default;

    /// <summary>
    /// The key that the code of an authorization request is to be bound to (RFC 9449 section 10): that of <c>dpop_jkt</c>, or of the proof of a pushed
    /// request, which is the same as sending <c>dpop_jkt</c>; both must agree (section 10.1). The proof is used up.
    /// </summary>
    /// <param name="context">The request to the pushed authorization request endpoint.</param>
    /// <param name="parameters">The authorization request.</param>
    /// <param name="configuration">Whose keys count.</param>
    /// <returns>The thumbprint to keep with the request as its <c>dpop_jkt</c>; <see cref="NoKey"/> if there is none.</returns>
    public async ValueTask<Result<string>> PushedKeyAsync(HttpContext context, Parameters parameters, ServerConfiguration configuration)
    {
        var named = parameters[ParameterNames.DPoPKeyThumbprint];
        if (CheckKeyThumbprint(named) is { } malformed) return malformed;
        if (!DPoPProofs.HasProof(context)) return named ?? NoKey;
        if (proofs.Judge(context, configuration).Refused(out var error, out var proof)) return error;
        if (named is not null && named != proof.KeyThumbprint)
            return OAuthError.InvalidDPoPProof("dpop_jkt is not the thumbprint of the proof's key; send the one of the key that signs the proofs, or leave dpop_jkt out.");
        return await proofs.UseAsync(proof, configuration).ConfigureAwait(false) is { } used ? used : proof.KeyThumbprint;
    }

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
