using System.Text;

namespace Latchkey.ResourceServer.Challenges;

/// <summary>One challenge of a WWW-Authenticate header: a scheme and its parameters, each a quoted string (RFC 9110 section 11.6.1).</summary>
internal sealed class Challenge(string scheme)
{
    private readonly StringBuilder _text = new(scheme);
    private bool _hasParameters;

    /// <summary>Adds a parameter; null adds nothing. Characters that RFC 6750 section 3 does not allow become spaces.</summary>
    public Challenge With(string name, string? value)
    {
        if (value is null) return this;
        _text.Append(_hasParameters ? ", " : " ").Append(name).Append("=\"");
        foreach (var character in value) _text.Append(character is >= ' ' and <= '~' and not ('"' or '\\') ? character : ' ');
        _text.Append('"');
        _hasParameters = true;
        return this;
    }

    /// <summary>The challenge as it is sent.</summary>
    public override string ToString() => _text.ToString();
}
