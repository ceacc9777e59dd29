using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Latchkey.Verification.Jose;

/// <summary>
/// The members of a JSON object inside a JWS: its header, its claims, or an object among them. Names are unique (RFC 7519 section 4), and nothing is
/// converted before it is asked for. Safe for any number of threads.
/// </summary>
public sealed class JsonMembers
{
    // More than any token has; each new name is compared with all before it.
    private const int MaximumMembers = 200;
    private const int MaximumDepth = 16;

    private readonly ReadOnlyMemory<byte> _json;
    private readonly Member[] _members;
    // The names that were written with escapes, which hardly anybody does: null for none.
    private readonly string?[]? _unescaped;

    private JsonMembers(ReadOnlyMemory<byte> json, Member[] members, string?[]? unescaped)
    {
        _json = json;
        _members = members;
        _unescaped = unescaped;
    }

    /// <summary>How many members there are.</summary>
    public int Count => _members.Length;

    /// <summary>The names, in the order they were written.</summary>
    public IEnumerable<string> Names
    {
        get
        {
            for (var i = 0; i < _members.Length; i++) yield return NameAt(i);
        }
    }

    /// <summary>Reads an object.</summary>
    /// <param name="utf8">The JSON text; it must not change afterwards.</param>
    /// <param name="members">The members.</param>
    /// <returns>False if it is not one whole JSON object in UTF-8, repeats a name, escapes half a character, or is deeper or wider than any token.</returns>
    public static bool TryRead(ReadOnlyMemory<byte> utf8, [NotNullWhen(true)] out JsonMembers? members)
    {
        members = null;
        if (!IsText(utf8.Span)) return false;
        try
        {
            members = Read(utf8);
            return members is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>
    /// Whether every text in it can be read: it is UTF-8, and no escape is half a character (RFC 8259 section 8.2). The readers of System.Text.Json find either
    /// only where a text is asked for, and throw something else than a <see cref="JsonException"/> then; so it is to be asked before they are.
    /// </summary>
    /// <param name="json">Any JSON, well-formed or not.</param>
    public static bool IsText(ReadOnlySpan<byte> json) => Utf8.IsValid(json) && !HasHalfCharacter(json);

    /// <summary>Whether there is a member of this name, <c>null</c> included.</summary>
    public bool Has(string name) => Find(name) >= 0;

    /// <summary>What kind of value a member has; <see cref="JsonValueKind.Undefined"/> if there is none.</summary>
    public JsonValueKind Kind(string name) => Find(name) is >= 0 and var at ? KindOf(_members[at].Kind) : JsonValueKind.Undefined;

    /// <summary>A member that is a string; null if it is absent or anything else.</summary>
    public string? Text(string name) => Find(name) is >= 0 and var at && _members[at].Kind == JsonTokenType.String ? TextAt(at) : null;

    /// <summary>Whether a member is this very string. It allocates nothing.</summary>
    public bool Is(string name, string expected) =>
        Find(name) is >= 0 and var at && _members[at].Kind == JsonTokenType.String && Same(at, expected);

    /// <summary>A member that is a whole number; null if it is absent or anything else.</summary>
    public long? Number(string name)
    {
        if (Find(name) is not (>= 0 and var at) || _members[at].Kind != JsonTokenType.Number) return null;
        var text = Span(at);
        return System.Buffers.Text.Utf8Parser.TryParse(text, out long value, out var read) && read == text.Length ? value : null;
    }

    /// <summary>
    /// A NumericDate (RFC 7519 section 2) in seconds since 1970, fractions cut off; null if it is absent, no number, or beyond any calendar.
    /// </summary>
    public long? Date(string name)
    {
        if (Number(name) is { } whole) return whole is >= -62_135_596_800 and <= 253_402_300_799 ? whole : null;
        if (Find(name) is not (>= 0 and var at) || _members[at].Kind != JsonTokenType.Number) return null;
        return double.TryParse(Span(at), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is >= -62_135_596_800 and <= 253_402_300_799
            ? (long)Math.Floor(value) : null;
    }

    /// <summary>A member that is <c>true</c> or <c>false</c>; null if it is absent or anything else.</summary>
    public bool? Flag(string name) => Find(name) is >= 0 and var at
        ? _members[at].Kind switch { JsonTokenType.True => true, JsonTokenType.False => false, _ => null } : null;

    /// <summary>A member that is a string or a list of strings, as <c>aud</c> may be; null if it is absent or anything else.</summary>
    public IReadOnlyList<string>? Texts(string name)
    {
        if (Find(name) is not (>= 0 and var at)) return null;
        if (_members[at].Kind == JsonTokenType.String) return [TextAt(at)];
        if (_members[at].Kind != JsonTokenType.StartArray) return null;
        var texts = new List<string>();
        var reader = new Utf8JsonReader(Span(at));
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.String) return null;
            texts.Add(reader.GetString()!);
        }

        return texts;
    }

    /// <summary>Whether a member is this string, or a list of strings that has it. It allocates nothing.</summary>
    public bool Holds(string name, string expected)
    {
        if (Find(name) is not (>= 0 and var at)) return false;
        if (_members[at].Kind == JsonTokenType.String) return Same(at, expected);
        if (_members[at].Kind != JsonTokenType.StartArray) return false;
        var reader = new Utf8JsonReader(Span(at));
        reader.Read();
        var found = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            // A list that is not of strings only is malformed as a whole.
            if (reader.TokenType != JsonTokenType.String) return false;
            found |= reader.ValueTextEquals(expected);
        }

        return found;
    }

    /// <summary>A member that is an object, such as <c>cnf</c> or <c>jwk</c>; null if it is absent, anything else, or repeats a name.</summary>
    public JsonMembers? Object(string name) =>
        Find(name) is >= 0 and var at && _members[at].Kind == JsonTokenType.StartObject && TryRead(Slice(at), out var members) ? members : null;

    /// <summary>A member's JSON text; empty if it is absent. That of a string is without its quotes and may hold escapes.</summary>
    public ReadOnlyMemory<byte> Raw(string name) => Find(name) is >= 0 and var at ? Slice(at) : default;

    /// <summary>A member as an element; null if it is absent.</summary>
    public JsonElement? Element(string name)
    {
        if (Find(name) is not (>= 0 and var at)) return null;
        ref readonly var member = ref _members[at];
        var quotes = member.Kind == JsonTokenType.String ? 1 : 0;
        return JsonElement.Parse(_json.Span.Slice(member.Value - quotes, member.ValueLength + (2 * quotes)));
    }

    /// <summary>The whole object as an element.</summary>
    public JsonElement ToElement() => JsonElement.Parse(_json.Span);

    /// <summary>Names only: values can be anybody's secrets.</summary>
    public override string ToString() => string.Join(' ', Names);

    private static JsonMembers? Read(ReadOnlyMemory<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = MaximumDepth });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
        // Most objects have no more than these, and their array is just as long as need be: it lives as long as the token is remembered.
        Span<Member> members = stackalloc Member[16];
        string?[]? unescaped = null;
        var count = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (count == MaximumMembers) return null;
            if (count == members.Length) members = Widened(members);
            ref var member = ref members[count];
            member.Name = (int)reader.TokenStartIndex + 1;
            member.NameLength = reader.ValueSpan.Length;
            if (reader.ValueIsEscaped) (unescaped ??= new string?[MaximumMembers])[count] = reader.GetString();
            for (var i = 0; i < count; i++)
            {
                if (SameName(utf8.Span, members[i], unescaped?[i], member, unescaped?[count])) return null;
            }

            reader.Read();
            member.Kind = reader.TokenType;
            member.Value = (int)reader.TokenStartIndex;
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                reader.Skip();
                member.ValueLength = (int)reader.BytesConsumed - member.Value;
            }
            else
            {
                member.ValueLength = reader.ValueSpan.Length;
                member.IsEscaped = reader.ValueIsEscaped;
                if (member.Kind == JsonTokenType.String) member.Value++;
            }

            count++;
        }

        // Nothing may follow the object.
        return reader.Read() ? null : new(utf8, members[..count].ToArray(), unescaped);
    }

    private static Span<Member> Widened(ReadOnlySpan<Member> members)
    {
        var wider = new Member[MaximumMembers];
        members.CopyTo(wider);
        return wider;
    }

    // Half a surrogate pair without its other half.
    private static bool HasHalfCharacter(ReadOnlySpan<byte> json)
    {
        while (json.IndexOf((byte)'\\') is >= 0 and var at)
        {
            json = json[at..];
            if (UnitAt(json) is not { } unit || !char.IsSurrogate(unit))
            {
                // An escaped backslash is two of them.
                json = json[Math.Min(2, json.Length)..];
                continue;
            }

            if (!char.IsHighSurrogate(unit) || UnitAt(json[6..]) is not { } other || !char.IsLowSurrogate(other)) return true;
            json = json[12..];
        }

        return false;
    }

    private static char? UnitAt(ReadOnlySpan<byte> json) =>
        json is [(byte)'\\', (byte)'u', _, _, _, _, ..]
        && System.Buffers.Text.Utf8Parser.TryParse(json.Slice(2, 4), out ushort unit, out var read, 'X') && read == 4 ? (char)unit : null;

    private static bool SameName(ReadOnlySpan<byte> json, in Member left, string? unescapedLeft, in Member right, string? unescapedRight)
    {
        if (unescapedLeft is null && unescapedRight is null) return json.Slice(left.Name, left.NameLength).SequenceEqual(json.Slice(right.Name, right.NameLength));
        return string.Equals(unescapedLeft ?? NameOf(json, left), unescapedRight ?? NameOf(json, right), StringComparison.Ordinal);
    }

    private static string NameOf(ReadOnlySpan<byte> json, in Member member) => Encoding.UTF8.GetString(json.Slice(member.Name, member.NameLength));

    private static JsonValueKind KindOf(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => JsonValueKind.Object,
        JsonTokenType.StartArray => JsonValueKind.Array,
        JsonTokenType.String => JsonValueKind.String,
        JsonTokenType.Number => JsonValueKind.Number,
        JsonTokenType.True => JsonValueKind.True,
        JsonTokenType.False => JsonValueKind.False,
        _ => JsonValueKind.Null,
    };

    // The names that are looked for are the registered ones, ASCII all of them.
    private int Find(string name)
    {
        var json = _json.Span;
        for (var i = 0; i < _members.Length; i++)
        {
            ref readonly var member = ref _members[i];
            if (_unescaped?[i] is { } unescaped ? unescaped == name
                : member.NameLength == name.Length && Ascii.Equals(json.Slice(member.Name, member.NameLength), name)) return i;
        }

        return -1;
    }

    private string NameAt(int at) => _unescaped?[at] ?? NameOf(_json.Span, _members[at]);

    private bool Same(int at, string expected)
    {
        if (_members[at].IsEscaped) return string.Equals(TextAt(at), expected, StringComparison.Ordinal);
        var text = Span(at);
        return text.Length == expected.Length ? Ascii.Equals(text, expected)
            : text.Length > expected.Length && string.Equals(Encoding.UTF8.GetString(text), expected, StringComparison.Ordinal);
    }

    private string TextAt(int at)
    {
        ref readonly var member = ref _members[at];
        if (!member.IsEscaped) return Encoding.UTF8.GetString(Span(at));
        var reader = new Utf8JsonReader(_json.Span.Slice(member.Value - 1, member.ValueLength + 2));
        reader.Read();
        return reader.GetString()!;
    }

    private ReadOnlySpan<byte> Span(int at) => _json.Span.Slice(_members[at].Value, _members[at].ValueLength);

    private ReadOnlyMemory<byte> Slice(int at) => _json.Slice(_members[at].Value, _members[at].ValueLength);

    /// <summary>Where a member stands in the text: strings without their quotes.</summary>
    private struct Member
    {
        public int Name;
        public int NameLength;
        public int Value;
        public int ValueLength;
        public JsonTokenType Kind;
        public bool IsEscaped;
    }
}
