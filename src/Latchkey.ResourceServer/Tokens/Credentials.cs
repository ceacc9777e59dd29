using System.Buffers;
using Latchkey.Protocol.Names;
using Microsoft.Extensions.Primitives;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>
/// An access token as it was sent: in the Authorization header, the one place that is looked at. A token in the query or a form is not seen
/// (RFC 9700 section 4.3.2).
/// </summary>
/// <param name="Scheme"><c>Bearer</c> or <c>DPoP</c>.</param>
/// <param name="Text">The token, where it stands in the header.</param>
internal readonly record struct Credentials(string Scheme, ReadOnlyMemory<char> Text)
{
    /// <summary>The scheme of RFC 9449 section 7.1.</summary>
    public const string DPoP = "DPoP";

    // token68 of RFC 9110 section 11.2, which is b64token of RFC 6750 section 2.1.
    private static readonly SearchValues<char> Token68 =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    /// <summary>A copy of the token; one that is remembered never needs it.</summary>
    public string Token => Text.ToString();

    /// <summary>Reads the header. Neither token nor denial means that no access token was sent.</summary>
    public static (Credentials? Sent, Denial? Denied) Read(StringValues header)
    {
        if (header.Count > 1) return (null, Denials.SeveralCredentials);
        if (header.Count == 0 || header[0] is not { Length: > 0 } text) return default;
        var space = text.IndexOf(' ', StringComparison.Ordinal);
        var named = space < 0 ? text.AsSpan() : text.AsSpan(0, space);
        var scheme = named.Equals(TokenTypes.Bearer, StringComparison.OrdinalIgnoreCase) ? TokenTypes.Bearer
            : named.Equals(DPoP, StringComparison.OrdinalIgnoreCase) ? DPoP : null;
        if (scheme is null) return default;

        var token = space < 0 ? default : text.AsMemory(space).Trim(' ');
        if (token.IsEmpty || token.Span.ContainsAnyExcept(Token68)) return (null, Denials.MalformedCredentials(scheme));
        return (new(scheme, token), null);
    }

    /// <summary>The scheme, never the token.</summary>
    public override string ToString() => $"{Scheme} (token)";
}
