using System.Security.Cryptography;
using System.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.DPoP;
using Latchkey.ResourceServer.MutualTls;
using Latchkey.Verification.Jose;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>
/// Whether the request proves possession of what its token is bound to (<c>cnf</c>, RFC 7800 section 3): a DPoP key, a client certificate, or both.
/// A token whose binding nobody here can check is refused.
/// </summary>
internal sealed class Binding(ResourceServerOptions options, DPoPProofs proofs)
{
    /// <summary>Judges it, for each request anew.</summary>
    public ValueTask<Denial?> JudgeAsync(HttpContext context, VerifiedToken token, Credentials sent)
    {
        var claims = token.Claims.Members;
        if (claims.Has(ClaimNames.Confirmation)) return JudgeBoundAsync(context, claims.Object(ClaimNames.Confirmation), sent);

        // A token that anybody may use must not look like one that only its client can: RFC 9449 section 7.1.
        if (sent.Scheme == TokenTypes.DPoP) return new(Denial.InvalidToken(BindingRefusals.Unbound, sent.Scheme));
        return new(options.DPoP.Required ? Denial.InvalidToken(BindingRefusals.Required, TokenTypes.DPoP) : null);
    }

    private async ValueTask<Denial?> JudgeBoundAsync(HttpContext context, JsonMembers? confirmation, Credentials sent)
    {
        var key = confirmation?.Text(ClaimNames.KeyThumbprint);
        var certificate = confirmation?.Text(ClaimNames.CertificateThumbprint);
        if (key is null && certificate is null) return Denial.InvalidToken(BindingRefusals.Unknown, sent.Scheme);

        // 1. The certificate, RFC 8705 section 3.
        if (certificate is not null)
        {
            var shown = await ClientCertificate.ThumbprintAsync(context, options.MutualTls).ConfigureAwait(false);
            if (shown is null) return Denial.InvalidToken(BindingRefusals.NoCertificate, sent.Scheme);
            if (!SameInFixedTime(shown, certificate)) return Denial.InvalidToken(BindingRefusals.OtherCertificate, sent.Scheme);
        }

        // 2. The key, RFC 9449 section 7. Sent as Bearer, the token of a thief would do without one (section 7.2).
        if (key is not null)
        {
            return sent.Scheme == TokenTypes.DPoP
                ? await proofs.JudgeAsync(context, sent.Token, key).ConfigureAwait(false)
                : Denial.InvalidToken(BindingRefusals.SentAsBearer, sent.Scheme);
        }

        if (sent.Scheme == TokenTypes.DPoP) return Denial.InvalidToken(BindingRefusals.Unbound, sent.Scheme);
        return options.DPoP.Required ? Denial.InvalidToken(BindingRefusals.Required, TokenTypes.DPoP) : null;
    }

    private static bool SameInFixedTime(string left, string right) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));
}

/// <summary>What can be wrong between a token's binding and its request, one code each.</summary>
internal static class BindingRefusals
{
    public static Refusal SentAsBearer { get; } = new("LK-RS-BOUND",
        "The token is bound to a DPoP key, and was sent as Bearer.", "RFC 9449 7.2", "Send it as DPoP, with a proof.");

    public static Refusal Unbound { get; } = new("LK-RS-NOT-BOUND",
        "The token was sent as DPoP, and is bound to no DPoP key.", "RFC 9449 7.1", "Send it as Bearer, or get one that is bound: send a proof to the token endpoint too.");

    public static Refusal Required { get; } = new("LK-RS-BINDING-REQUIRED",
        "The token is bound to no DPoP key, and this API takes only those that are.", "RFC 9449 7.2", "Send a proof to the token endpoint, and get a token that is bound to its key.");

    public static Refusal Unknown { get; } = new("LK-RS-BINDING-UNKNOWN",
        "The token is bound in a way that is not understood here: its cnf has neither jkt nor x5t#S256 as text.", "RFC 7800 3.1", "Bind tokens by DPoP or by a client certificate.");

    public static Refusal NoCertificate { get; } = new("LK-RS-CERTIFICATE-MISSING",
        "The token is bound to a client certificate, and the request has none.", "RFC 8705 3",
        "Send the token over a TLS connection with the certificate; behind a proxy, set MutualTls.ForwardedHeader and MutualTls.TrustedProxies.");

    public static Refusal OtherCertificate { get; } = new("LK-RS-CERTIFICATE-OTHER",
        "The token is bound to another client certificate than the request's.", "RFC 8705 3", "Use the certificate that the token was asked for with.");
}
