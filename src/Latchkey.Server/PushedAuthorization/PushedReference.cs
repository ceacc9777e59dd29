using System.Buffers.Text;
using System.Security.Cryptography;

namespace Latchkey.Server.PushedAuthorization;

/// <summary>The <c>request_uri</c> of a pushed request (RFC 9126 section 2.2): 256 random bits in the form that section suggests.</summary>
internal static class PushedReference
{
    /// <summary>What each begins with; a request object by reference has an https URL instead.</summary>
    public const string Prefix = "urn:ietf:params:oauth:request_uri:";

    public static string New() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static bool Is(string requestUri) => requestUri.StartsWith(Prefix, StringComparison.Ordinal);
}
