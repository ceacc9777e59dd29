using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Jose;

namespace Latchkey.Verification.DPoP;

/// <summary>
/// Judges DPoP proofs: the twelve checks of RFC 9449 section 4.3 and the replay check of section 11.1, each with a refusal of its own. It knows no web
/// framework: APIs and token endpoints use it alike. Safe for any number of threads.
/// </summary>
/// <param name="rules">What is asked of proofs.</param>
/// <param name="replays">Remembers the proofs that were used.</param>
/// <param name="clock">The clock.</param>
/// <param name="nonces">The nonces that are given out; required unless the rules turn nonces off.</param>
public sealed class DPoPProofVerifier(DPoPRules rules, IReplayStore replays, TimeProvider clock, DPoPNonces? nonces = null)
{
    private const int LongestId = 256;

    private readonly DPoPNonces? _nonces = rules.Nonces == DPoPNonceMode.Off ? null
        : nonces ?? throw new ArgumentException("Nonces are asked for, and none are given out.", nameof(nonces));

    private readonly RecentProofKeys _recent = new();

    /// <summary>Judges the proof of a request. It can be used once: a second call with the same proof refuses it.</summary>
    /// <param name="proofs">The values of the request's <c>DPoP</c> headers, all of them.</param>
    /// <param name="request">The request. Its access token is verified already: the replay store is for proofs that go with good tokens.</param>
    /// <param name="cancellationToken">The request's.</param>
    /// <returns>The proof, or the refusal of the first check that failed; <see cref="DPoPErrors"/> says how to answer.</returns>
    public async ValueTask<Verdict<VerifiedDPoPProof>> VerifyAsync(IReadOnlyList<string?> proofs, DPoPRequest request, CancellationToken cancellationToken = default)
    {
        if (Judge(proofs, request).Refused(out var refusal, out var proof)) return refusal;
        // Last of all, so that nothing but a proof that holds takes up room.
        return await UseAsync(proof, cancellationToken).ConfigureAwait(false) is { } used ? used : proof;
    }

    /// <summary>
    /// Judges the proof of a request in all but whether it was used before. For a server that uses it up later with <see cref="UseAsync"/>, when it
    /// knows that the rest of the request is good too, or whose request can succeed only once anyway.
    /// </summary>
    /// <param name="proofs">The values of the request's <c>DPoP</c> headers, all of them.</param>
    /// <param name="request">The request.</param>
    /// <returns>The proof, or the refusal of the first check that failed.</returns>
    public Verdict<VerifiedDPoPProof> Judge(IReadOnlyList<string?> proofs, DPoPRequest request) => Judge(proofs, request, clock.GetUtcNow().ToUnixTimeSeconds());

    /// <summary>Uses a proof up, RFC 9449 section 11.1: of any number of calls with one proof, one succeeds.</summary>
    /// <param name="proof">What <see cref="Judge(IReadOnlyList{string}, DPoPRequest)"/> found good.</param>
    /// <param name="cancellationToken">The request's.</param>
    /// <returns>Null for the first use; otherwise why the proof can't be taken.</returns>
    public async ValueTask<Refusal?> UseAsync(VerifiedDPoPProof proof, CancellationToken cancellationToken = default)
    {
        ReplayAnswer answer;
        try
        {
            answer = await replays.AddAsync(proof.KeyThumbprint, HashOf(proof.JwtId), proof.UsableUntil, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // Without the store a proof could be used again and again.
            return DPoPRefusals.StoreFailed(exception);
        }

        return answer switch
        {
            ReplayAnswer.Added => null,
            ReplayAnswer.Seen => DPoPRefusals.Replayed,
            ReplayAnswer.FullForKey => DPoPRefusals.StoreFullForKey,
            _ => DPoPRefusals.StoreFull,
        };
    }

    /// <summary>The checks in the order of section 4.3, but for the signature: that comes last, since it costs the most.</summary>
    private Verdict<VerifiedDPoPProof> Judge(IReadOnlyList<string?> proofs, DPoPRequest request, long now)
    {
        // (1) One header. (2) One well-formed JWT.
        if (proofs.Count > 1) return DPoPRefusals.Several;
        if (proofs.Count == 0 || string.IsNullOrEmpty(proofs[0])) return DPoPRefusals.Missing;
        if (Jws.Read(proofs[0]!, rules.MaximumLength).Refused(out var refusal, out var jws)) return DPoPRefusals.Malformed(refusal);

        // (4) Its type. (5) Its algorithm: of our list, and public-key only. (3, 7) Its key: there, and public.
        if (jws.Header.Type != JwtTypes.DPoPProof) return DPoPRefusals.Type;
        if (!rules.Algorithms.Contains(jws.Header.Algorithm)) return DPoPRefusals.Algorithm(rules.Algorithms);
        if (jws.Header.Members.Object("jwk") is not { } jwk) return DPoPRefusals.KeyMissing;
        if (ProofKey.Read(jwk, jws.Header.Algorithm).Refused(out refusal, out var key)) return refusal;

        // (3) The claims that every proof has. (8) The method. (9) The address.
        if (jws.Claims.Text(ClaimNames.JwtId) is not { Length: > 0 and <= LongestId } id) return DPoPRefusals.IdMissing;
        if (JudgeRequest(jws.Claims, request) is { } otherRequest) return otherRequest;

        // (10) The nonce. (11) The time.
        if (JudgeTime(jws.Claims, now, out var until) is { } otherTime) return otherTime;

        // (12) The access token, and the key that it is bound to.
        if (request.AccessToken is { } token && JudgeToken(jws.Claims, token) is { } otherToken) return otherToken;
        if (request.KeyThumbprint is { } bound && !SameInFixedTime(key.Thumbprint, bound)) return DPoPRefusals.OtherKey;

        // (6) The signature.
        return IsSigned(jws, key)
            ? new VerifiedDPoPProof(key.Thumbprint, id) { Algorithm = jws.Header.Algorithm, UsableUntil = DateTimeOffset.FromUnixTimeSeconds(until) }
            : DPoPRefusals.Signature;
    }

    private static Refusal? JudgeRequest(JsonMembers claims, DPoPRequest request)
    {
        if (claims.Text(ClaimNames.HttpMethod) is not { } method) return DPoPRefusals.MethodMissing;
        // Methods are told apart by case (RFC 9110 section 9.1).
        if (method != request.Method) return DPoPRefusals.Method(request.Method);
        if (claims.Text(ClaimNames.HttpTarget) is not { } target) return DPoPRefusals.TargetMissing;
        foreach (var expected in request.Targets)
        {
            if (HttpTarget.Same(target, expected)) return null;
        }

        return DPoPRefusals.Target(request.Targets);
    }

    /// <summary>Whether the proof is of now: by a nonce of ours if it has one, by its own word otherwise.</summary>
    private Refusal? JudgeTime(JsonMembers claims, long now, out long until)
    {
        until = 0;
        if (claims.Date(ClaimNames.IssuedAt) is not { } issuedAt) return DPoPRefusals.TimeMissing;
        if (claims.Has(ClaimNames.Expiration) && !(claims.Date(ClaimNames.Expiration) > now)) return DPoPRefusals.Expired;
        if (_nonces is not null)
        {
            if (claims.Text(ClaimNames.Nonce) is { } nonce)
            {
                if (!_nonces.IsOurs(nonce, out until)) return DPoPRefusals.NonceUnknown;
                return now >= until ? DPoPRefusals.NonceStale : null;
            }

            if (rules.Nonces == DPoPNonceMode.Required || claims.Has(ClaimNames.Nonce)) return DPoPRefusals.NonceMissing;
        }

        var tolerance = (long)rules.Tolerance.TotalSeconds;
        // It is taken up to this second, so it is remembered a second longer.
        until = issuedAt + tolerance + 1;
        return Math.Abs(now - issuedAt) > tolerance ? DPoPRefusals.Time(issuedAt - now, rules.Tolerance) : null;
    }

    private static Refusal? JudgeToken(JsonMembers claims, string accessToken)
    {
        if (claims.Text(ClaimNames.AccessTokenDigest) is not { } hash) return DPoPRefusals.TokenHashMissing;
        return SameInFixedTime(hash, HashOf(accessToken)) ? null : DPoPRefusals.TokenHash;
    }

    private bool IsSigned(Jws jws, ProofKey key)
    {
        if (_recent.Find(key.Thumbprint, jws.Header.Algorithm) is { } known) return jws.IsSignedBy(known);
        var opened = key.Open(jws.Header.Algorithm);
        if (!jws.IsSignedBy(opened)) return false;
        _recent.Remember(key.Thumbprint, opened);
        return true;
    }

    private static string HashOf(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static bool SameInFixedTime(string left, string right) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));
}
