using System.Buffers.Text;
using System.Security.Cryptography;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.UserInfo;

namespace Latchkey.Server.Logout;

/// <summary>Logout tokens (OpenID Connect Back-Channel Logout section 2.4).</summary>
internal static class BackchannelLogout
{
    /// <summary>The one member of <c>events</c>.</summary>
    public const string Event = "http://schemas.openid.net/event/backchannel-logout";

    private const string TokenType = "logout+jwt";

    // Section 4 of the specification: two minutes at most, so that a token that leaked is soon worth nothing.
    private const long LifetimeSeconds = 120;

    /// <summary>Makes a logout token for a client, signed like its ID tokens. Never with a nonce, which would make it look like one.</summary>
    /// <param name="message">What it tells.</param>
    /// <param name="client">Whom.</param>
    /// <param name="configuration">The keys.</param>
    /// <param name="issuer">The issuer.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static string Issue(LogoutEndedSession message, Client client, ServerConfiguration configuration, string issuer, long now)
    {
        var signer = configuration.Keys.Signer(client.Metadata.IdTokenSignedResponseAlg ?? SigningAlgorithms.RS256, now);
        return JwtWriter.Write(signer, TokenType, (message, issuer, IssuedAt: now / 1000, Subject: SubjectIdentifiers.Of(message.Sub, client, configuration.Keys)), static (json, claims) =>
        {
            json.WriteString("iss"u8, claims.issuer);
            json.WriteString("aud"u8, claims.message.ClientId);
            json.WriteString("sub"u8, claims.Subject);
            json.WriteString("sid"u8, claims.message.Sid);
            json.WriteNumber("iat"u8, claims.IssuedAt);
            json.WriteNumber("exp"u8, claims.IssuedAt + LifetimeSeconds);
            json.WriteString("jti"u8, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16)));
            json.WriteStartObject("events"u8);
            json.WriteStartObject(Event);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    /// <summary>Whether logout tokens may be sent to an address: https, or http to this machine for development.</summary>
    public static bool MaySendTo(string? uri) =>
        Uri.TryCreate(uri, UriKind.Absolute, out var address) && (address.Scheme == "https" || (address.Scheme == "http" && address.IsLoopback));
}
