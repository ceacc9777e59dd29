using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Tokens;
using Latchkey.Verification.DPoP;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.DPoP;

/// <summary>Holds a request's DPoP proof against the request and its token, RFC 9449 section 7; gives out nonces.</summary>
internal sealed class DPoPProofs
{
    private readonly IReadOnlyList<string> _addresses;
    private readonly DPoPProofVerifier _verifier;
    private readonly DPoPNonces? _nonces;

    /// <summary>Sets the proofs up.</summary>
    /// <param name="options">The options.</param>
    /// <param name="addresses">Where clients reach this API, without a slash at the end.</param>
    /// <param name="clock">The clock.</param>
    public DPoPProofs(DPoPOptions options, IReadOnlyList<string> addresses, TimeProvider clock)
    {
        _addresses = addresses;
        var rules = new DPoPRules { Algorithms = [.. options.Algorithms], Tolerance = options.Tolerance, Nonces = options.Nonces };
        _nonces = options.Nonces == DPoPNonceMode.Off ? null : new(clock, options.NonceLifetime, options.NonceSecret);
        _verifier = new(rules, options.ReplayStore ?? new MemoryReplayStore(clock), clock, _nonces);
        Algorithms = string.Join(' ', rules.Algorithms);
    }

    /// <summary>The algorithms as the challenge lists them (<c>algs</c>, RFC 9449 section 7.1).</summary>
    public string Algorithms { get; }

    /// <summary>Judges the proof that came with a token.</summary>
    /// <param name="context">The request.</param>
    /// <param name="token">The access token.</param>
    /// <param name="keyThumbprint">The key that the token is bound to.</param>
    public async ValueTask<Denial?> JudgeAsync(HttpContext context, string token, string keyThumbprint)
    {
        GiveNonce(context.Response);
        var path = context.Request.PathBase.Add(context.Request.Path).ToUriComponent();
        var request = new DPoPRequest
        {
            Method = context.Request.Method,
            // Never the Host header: whoever can send the request can send that too.
            Targets = [.. _addresses.Select(address => address + path)],
            AccessToken = token,
            KeyThumbprint = keyThumbprint,
        };
        var verdict = await _verifier.VerifyAsync(context.Request.Headers[DPoPProof.HeaderName], request, context.RequestAborted).ConfigureAwait(false);
        if (verdict.Refusal is not { } refusal) return null;
        return DPoPErrors.IsUnavailable(refusal)
            ? new Denial(refusal, null, 503, TokenTypes.DPoP)
            : new Denial(refusal, DPoPErrors.Of(refusal), 401, TokenTypes.DPoP);
    }

    /// <summary>
    /// Hands out the nonce of the hour, whether the request is refused or not, so that clients learn of a new one before the old one is stale
    /// (RFC 9449 section 8.2).
    /// </summary>
    private void GiveNonce(HttpResponse response)
    {
        if (_nonces is null) return;
        response.Headers[DPoPProof.NonceHeaderName] = _nonces.Current;
        response.Headers.Append("Access-Control-Expose-Headers", DPoPProof.NonceHeaderName);
    }
}
