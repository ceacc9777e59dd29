using Latchkey.Protocol;

namespace Latchkey.Verification.DPoP;

/// <summary>Which answer a refusal of a proof asks for.</summary>
public static class DPoPErrors
{
    /// <summary>The proof is wrong (RFC 9449 sections 5 and 7.1).</summary>
    public const string InvalidProof = "invalid_dpop_proof";

    /// <summary>The proof needs a nonce, or a newer one, which comes along in the header <c>DPoP-Nonce</c> (RFC 9449 sections 8 and 9).</summary>
    public const string UseNonce = "use_dpop_nonce";

    /// <summary>The error code of a refusal, for the token endpoint's answer and the API's challenge.</summary>
    /// <param name="refusal">What <see cref="DPoPProofVerifier"/> said.</param>
    public static string Of(Refusal refusal) => refusal.Code.StartsWith("LK-DPOP-NONCE-", StringComparison.Ordinal) ? UseNonce : InvalidProof;

    /// <summary>Whether the proof may well be good, but the server can't make sure that it is used once: to be answered with 503.</summary>
    /// <param name="refusal">What <see cref="DPoPProofVerifier"/> said.</param>
    public static bool IsUnavailable(Refusal refusal) => refusal.Code is DPoPRefusals.StoreFullCode or DPoPRefusals.StoreFailedCode;
}
