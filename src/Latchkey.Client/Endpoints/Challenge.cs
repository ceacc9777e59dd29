using System.Net.Http.Headers;

namespace Latchkey.Client.Endpoints;

/// <summary>What an API says of a token in <c>WWW-Authenticate</c> (RFC 6750 section 3, RFC 9449 section 7.1).</summary>
internal readonly record struct Challenge(string? Error, string? Description)
{
    /// <summary>The first error among the challenges for Bearer and DPoP.</summary>
    public static Challenge Read(HttpHeaderValueCollection<AuthenticationHeaderValue> challenges)
    {
        foreach (var challenge in challenges)
        {
            if (challenge.Scheme is not { } scheme || !(scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) || scheme.Equals("DPoP", StringComparison.OrdinalIgnoreCase))) continue;
            var error = Value(challenge.Parameter, "error");
            if (error is not null && ErrorText.IsCode(error)) return new(error, Value(challenge.Parameter, "error_description"));
        }

        return default;
    }

    /// <summary>An auth-param (RFC 9110 section 11.2): <c>name="value"</c> or <c>name=value</c>, separated by commas.</summary>
    public static string? Value(string? parameters, string name)
    {
        var rest = parameters.AsSpan();
        while (!rest.IsEmpty)
        {
            rest = rest.TrimStart(" \t,");
            var equals = rest.IndexOf('=');
            if (equals < 0) return null;
            var found = rest[..equals].TrimEnd(" \t");
            rest = rest[(equals + 1)..].TrimStart(" \t");
            var value = Take(ref rest);
            if (found.Equals(name, StringComparison.OrdinalIgnoreCase)) return value;
        }

        return null;
    }

    private static string Take(ref ReadOnlySpan<char> rest)
    {
        if (rest.IsEmpty || rest[0] != '"')
        {
            var end = rest.IndexOf(',');
            var token = (end < 0 ? rest : rest[..end]).TrimEnd(" \t").ToString();
            rest = end < 0 ? default : rest[end..];
            return token;
        }

        var text = new System.Text.StringBuilder();
        var i = 1;
        for (; i < rest.Length && rest[i] != '"'; i++)
        {
            if (rest[i] == '\\' && i + 1 < rest.Length) i++;
            text.Append(rest[i]);
        }

        rest = i + 1 < rest.Length ? rest[(i + 1)..] : default;
        return text.ToString();
    }
}
