using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;

namespace Latchkey.Client;

/// <summary>A client assertion by RFC 7523 as RFC 10070 changes it.</summary>
internal static class ClientAssertion
{
    // Long enough for a slow network and a clock that is off by some seconds, too short to be worth stealing.
    private const int Lifetime = 60;

    /// <summary>
    /// A fresh assertion. The issuer is the only audience, as a string: a token endpoint's address as audience let an attacker's server use
    /// an assertion at the honest one (RFC 10070 section 4).
    /// </summary>
    public static string Create(JwsSigner key, ClientIdentity client) =>
        JwtWriter.Write(key, JwtTypes.ClientAuthentication, client, static (json, client) =>
        {
            var now = client.Now.ToUnixTimeSeconds();
            json.WriteString(ClaimNames.Issuer, client.ClientId);
            json.WriteString(ClaimNames.Subject, client.ClientId);
            json.WriteString(ClaimNames.Audience, client.Issuer);
            json.WriteString(ClaimNames.JwtId, RandomText.Create());
            json.WriteNumber(ClaimNames.IssuedAt, now);
            json.WriteNumber(ClaimNames.Expiration, now + Lifetime);
        });
}
