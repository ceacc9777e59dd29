using Latchkey.Protocol;

namespace Latchkey.Verification.Providers;

/// <summary>Where a provider may be, and where its metadata is then.</summary>
public static class ProviderAddress
{
    private const string OpenId = "/.well-known/openid-configuration";
    private const string OAuth = "/.well-known/oauth-authorization-server";

    /// <summary>Why this can't be an issuer (RFC 8414 section 2), or null if it can.</summary>
    /// <param name="issuer">The issuer.</param>
    public static Refusal? Judge(string issuer)
    {
        if (!Uri.TryCreate(issuer, UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http") || uri.UserInfo.Length > 0
            || issuer.AsSpan().IndexOfAny("?#") >= 0 || issuer.AsSpan().Trim().Length != issuer.Length)
        {
            return ProviderRefusals.MalformedIssuer(issuer);
        }

        return IsSecure(uri) ? null : ProviderRefusals.InsecureIssuer(issuer);
    }

    /// <summary>https, or http to this very machine.</summary>
    /// <param name="address">Any absolute address.</param>
    public static bool IsSecure(Uri address) => address.Scheme == "https" || (address.Scheme == "http" && address.IsLoopback);

    /// <summary>
    /// Where metadata can be, in the order to look: OpenID Connect Discovery section 4 appends, RFC 8414 section 3.1 inserts before the path, and some
    /// providers have either document in the other form.
    /// </summary>
    internal static IEnumerable<string> MetadataOf(string issuer)
    {
        var uri = new Uri(issuer);
        var origin = uri.GetLeftPart(UriPartial.Authority);
        var path = uri.AbsolutePath.TrimEnd('/');
        yield return origin + path + OpenId;
        yield return origin + OAuth + path;
        if (path.Length == 0) yield break;
        yield return origin + OpenId + path;
        yield return origin + path + OAuth;
    }
}
