using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// A distinguished name as certificates hold it and as RFC 4514 writes it, most specific part first. Two are the same when all parts are: types by their
/// identifier, values without regard to case and to runs of spaces, as the matching rules of directories have it.
/// </summary>
internal sealed class DistinguishedName : IEquatable<DistinguishedName>
{
    private static readonly Dictionary<string, string> Types = new(StringComparer.OrdinalIgnoreCase)
    {
        ["CN"] = "2.5.4.3", ["SN"] = "2.5.4.4", ["SERIALNUMBER"] = "2.5.4.5", ["C"] = "2.5.4.6", ["L"] = "2.5.4.7", ["ST"] = "2.5.4.8", ["S"] = "2.5.4.8",
        ["STREET"] = "2.5.4.9", ["O"] = "2.5.4.10", ["OU"] = "2.5.4.11", ["T"] = "2.5.4.12", ["TITLE"] = "2.5.4.12", ["BUSINESSCATEGORY"] = "2.5.4.15",
        ["POSTALCODE"] = "2.5.4.17", ["G"] = "2.5.4.42", ["GN"] = "2.5.4.42", ["GIVENNAME"] = "2.5.4.42", ["DNQUALIFIER"] = "2.5.4.46",
        ["ORGANIZATIONIDENTIFIER"] = "2.5.4.97", ["DC"] = "0.9.2342.19200300.100.1.25", ["UID"] = "0.9.2342.19200300.100.1.1",
        ["E"] = "1.2.840.113549.1.9.1", ["EMAILADDRESS"] = "1.2.840.113549.1.9.1",
    };

    // Each part as its sorted attributes, so that comparing is comparing text.
    private readonly List<string> _parts;

    private DistinguishedName(List<string> parts) => _parts = parts;

    /// <summary>The name of a certificate; null if it is empty or malformed.</summary>
    public static DistinguishedName? Of(X500DistinguishedName name)
    {
        var parts = new List<string>();
        try
        {
            var sequence = new AsnReader(name.RawData, AsnEncodingRules.DER).ReadSequence();
            while (sequence.HasData)
            {
                var attributes = new List<(string, string)>();
                var set = sequence.ReadSetOf(skipSortOrderValidation: true);
                while (set.HasData)
                {
                    var attribute = set.ReadSequence();
                    attributes.Add((attribute.ReadObjectIdentifier(), ReadValue(attribute)));
                }

                parts.Add(Part(attributes));
            }
        }
        catch (AsnContentException)
        {
            return null;
        }

        // RFC 4514 section 2.1: the text begins with the end.
        parts.Reverse();
        return parts.Count == 0 ? null : new(parts);
    }

    /// <summary>Reads a name as RFC 4514 writes it; null for anything else.</summary>
    public static DistinguishedName? Parse(string text)
    {
        var parts = new List<string>();
        var attributes = new List<(string, string)>();
        var rest = text.AsSpan();
        while (true)
        {
            var equals = rest.IndexOf('=');
            if (equals <= 0 || TypeOf(rest[..equals].Trim().ToString()) is not { } type) return null;
            rest = rest[(equals + 1)..].TrimStart(' ');
            if (ReadValue(rest, out var length) is not { } value) return null;
            attributes.Add((type, value));
            rest = rest[length..];
            var ends = rest.IsEmpty || rest[0] is ',' or ';';
            if (ends)
            {
                parts.Add(Part(attributes));
                attributes.Clear();
            }

            if (rest.IsEmpty) return new(parts);
            rest = rest[1..];
        }
    }

    public bool Equals(DistinguishedName? other) => other is not null && _parts.SequenceEqual(other._parts, StringComparer.OrdinalIgnoreCase);

    public override bool Equals(object? obj) => Equals(obj as DistinguishedName);

    public override int GetHashCode() => _parts.Count;

    public static bool operator ==(DistinguishedName? left, DistinguishedName? right) => left is null ? right is null : left.Equals(right);

    public static bool operator !=(DistinguishedName? left, DistinguishedName? right) => !(left == right);

    private static string Part(List<(string Type, string Value)> attributes) =>
        string.Join('\n', attributes.Select(attribute => $"{attribute.Type}={Folded(attribute.Value)}").Order(StringComparer.OrdinalIgnoreCase));

    private static string Folded(string value) => string.Join(' ', value.Split([' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));

    private static string? TypeOf(string type) =>
        Types.TryGetValue(type, out var known) ? known
        : type.Length > 0 && type.All(character => char.IsAsciiDigit(character) || character == '.') ? type
        : null;

    private static string ReadValue(AsnReader reader)
    {
        var tag = reader.PeekTag();
        if (tag.TagClass != TagClass.Universal || tag.TagValue is not (12 or 18 or 19 or 20 or 22 or 26 or 30))
            return "#" + Convert.ToHexString(reader.ReadEncodedValue().Span);
        return reader.ReadCharacterString((UniversalTagNumber)tag.TagValue);
    }

    /// <summary>Reads a value up to its separator; escapes are undone.</summary>
    private static string? ReadValue(ReadOnlySpan<char> text, out int length)
    {
        var bytes = new List<byte>();
        var isQuoted = text is ['"', ..];
        var index = isQuoted ? 1 : 0;
        length = 0;
        for (; index < text.Length; index++)
        {
            var character = text[index];
            if (isQuoted ? character == '"' : character is ',' or ';' or '+') break;
            if (character == '\\')
            {
                if (index + 2 < text.Length && char.IsAsciiHexDigit(text[index + 1]) && char.IsAsciiHexDigit(text[index + 2]))
                {
                    bytes.Add(Convert.FromHexString(text.Slice(index + 1, 2))[0]);
                    index += 2;
                    continue;
                }

                if (++index >= text.Length) return null;
                character = text[index];
            }

            bytes.AddRange(Encoding.UTF8.GetBytes([character]));
        }

        if (isQuoted)
        {
            if (index >= text.Length) return null;
            index++;
            while (index < text.Length && text[index] == ' ') index++;
            if (index < text.Length && text[index] is not (',' or ';' or '+')) return null;
        }

        length = index;
        return Encoding.UTF8.GetString([.. bytes]).TrimEnd(' ');
    }
}
