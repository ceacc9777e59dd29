using System.Runtime.CompilerServices;
using Latchkey.Protocol;
using Latchkey.Server.Configuration;
using Latchkey.Server.Keys;
using Latchkey.Storage;
using Latchkey.Verification.DPoP;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.SenderConstraint;

/// <summary>
/// The DPoP proofs of requests, RFC 9449: judged by <see cref="DPoPProofVerifier"/>, against the addresses that are configured, with nonces that every
/// node of the server knows.
/// </summary>
internal sealed class DPoPProofs(ServerOptions options, Database database, TimeProvider clock)
{
    private readonly DPoPRules _rules = new() { Tolerance = options.DPoPClockSkew, Nonces = options.DPoPNonces };
    private readonly SharedReplays _replays = new(database);

    // By the key that nonces are made with, which stays the same object as long as it is the current one.
    private readonly ConditionalWeakTable<SymmetricKey, Judges> _judges = [];

    /// <summary>The algorithms of proofs, as discovery and challenges list them.</summary>
    public static IReadOnlyList<string> AlgorithmsSupported => DPoPRules.Default.Algorithms;

    /// <summary>Whether a request has a proof, good or not.</summary>
    public static bool HasProof(HttpContext context) => context.Request.Headers[DPoPProof.HeaderName].Count > 0;

    /// <summary>Judges the proof of a request in all but whether it was used before. The answer gets a nonce if the server gives them out.</summary>
    /// <param name="context">The request.</param>
    /// <param name="configuration">Whose keys count.</param>
    /// <param name="accessToken">The access token that came along; null where there is none.</param>
    /// <param name="keyThumbprint">The key it must be; null if any will do.</param>
    /// <returns>The proof; <c>invalid_dpop_proof</c> or <c>use_dpop_nonce</c>.</returns>
    public Result<VerifiedDPoPProof> Judge(HttpContext context, ServerConfiguration configuration, string? accessToken = null, string? keyThumbprint = null)
    {
        var judges = JudgesOf(configuration);
        if (judges.Nonces is { } nonces) context.Response.Headers[DPoPProof.NonceHeaderName] = nonces.Current;
        var request = new DPoPRequest
        {
            Method = context.Request.Method,
            Targets = options.Endpoints(context.Request.Path.ToUriComponent()),
            AccessToken = accessToken,
            KeyThumbprint = keyThumbprint,
        };
        return judges.Verifier.Judge(context.Request.Headers[DPoPProof.HeaderName], request).Refused(out var refusal, out var proof)
            ? ErrorOf(refusal)
            : proof;
    }

    /// <summary>Uses a proof up (RFC 9449 section 11.1): of any number of requests with it, to whichever node, one gets through.</summary>
    /// <returns>Null if it was this one's; otherwise the error.</returns>
    public async ValueTask<OAuthError?> UseAsync(VerifiedDPoPProof proof, ServerConfiguration configuration) =>
        await JudgesOf(configuration).Verifier.UseAsync(proof).ConfigureAwait(false) is { } refusal ? ErrorOf(refusal) : null;

    // Outward goes what is wrong and what to do; descriptions have no quotes and no backslashes (RFC 6749 section 5.2).
    private static OAuthError ErrorOf(Refusal refusal)
    {
        var description = $"{refusal.Reason} {refusal.Mend}".Replace('"', '\'').Replace('\\', '/');
        if (DPoPErrors.IsUnavailable(refusal)) return OAuthError.TemporarilyUnavailable("The server cannot make sure now that the DPoP proof is used once; try again in a moment.");
        return DPoPErrors.Of(refusal) == DPoPErrors.UseNonce ? OAuthError.UseDPoPNonce(description) : OAuthError.InvalidDPoPProof(description);
    }

    private Judges JudgesOf(ServerConfiguration configuration) =>
        _judges.GetValue(configuration.Keys.Current(KeyPurposes.DPoPNonce, clock.GetUtcNow().ToUnixTimeMilliseconds()), key =>
        {
            var nonces = options.DPoPNonces == DPoPNonceMode.Off ? null : new DPoPNonces(clock, options.DPoPNonceLifetime, key.Secret);
            return new(nonces, new DPoPProofVerifier(_rules, _replays, clock, nonces));
        });

    private sealed record Judges(DPoPNonces? Nonces, DPoPProofVerifier Verifier);
}
