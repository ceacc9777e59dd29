using System.Buffers;
using System.Text;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol;

/// <summary>
/// The parameters of a request, read from a query string or a form body (application/x-www-form-urlencoded).
/// A parameter sent without a value counts as not sent, one sent twice is an error (RFC 6749 sections 3.1 and 3.2);
/// only <c>resource</c> (RFC 8707 section 2) and <c>audience</c> (RFC 8693 section 2.1) may repeat.
/// </summary>
public sealed class Parameters
{
    /// <summary>More parameters than any request needs.</summary>
    public const int MaximumCount = 128;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<KeyValuePair<string, string>> _pairs;

    private Parameters(List<KeyValuePair<string, string>> pairs, string? repeated, string? malformed)
    {
        _pairs = pairs;
        Repeated = repeated;
        Malformed = malformed;
    }

    /// <summary>No parameters at all.</summary>
    public static Parameters Empty { get; } = new([], null, null);

    /// <summary>The first parameter that was sent more than once and must not be; null if there is none.</summary>
    public string? Repeated { get; }

    /// <summary>What is wrong with the encoding, as a sentence; null if nothing is.</summary>
    public string? Malformed { get; }

    /// <summary>What to refuse the request with, if its parameters can't be taken as they are.</summary>
    public OAuthError? Error =>
        Malformed is not null ? OAuthError.InvalidRequest(Malformed)
        : Repeated is not null ? OAuthError.InvalidRequest(IsPlain(Repeated)
            ? $"The parameter {Repeated} was sent more than once; send it once."
            : "A parameter was sent more than once; send each once.")
        : null;

    /// <summary>Every name and value in the order sent, values that are empty left out.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Pairs => _pairs;

    /// <summary>The value of a parameter, the first one if it repeats; null if it was not sent or is empty.</summary>
    /// <param name="name">The parameter's registered name.</param>
    public string? this[string name]
    {
        get
        {
            foreach (var pair in _pairs)
            {
                if (pair.Key == name) return pair.Value;
            }

            return null;
        }
    }

    /// <summary>Every value of a parameter that may repeat.</summary>
    /// <param name="name">The parameter's registered name.</param>
    public IReadOnlyList<string> All(string name)
    {
        List<string>? all = null;
        foreach (var pair in _pairs)
        {
            if (pair.Key == name) (all ??= []).Add(pair.Value);
        }

        return all ?? (IReadOnlyList<string>)[];
    }

    /// <summary>Reads a form body or a query string.</summary>
    /// <param name="encoded">The bytes as sent; a leading question mark is passed over.</param>
    public static Parameters Parse(ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length > 0 && encoded[0] == (byte)'?') encoded = encoded[1..];
        var pairs = new List<KeyValuePair<string, string>>(12);
        string? repeated = null, malformed = null;
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(encoded.Length, 1));
        try
        {
            while (!encoded.IsEmpty)
            {
                var end = encoded.IndexOf((byte)'&');
                var pair = end < 0 ? encoded : encoded[..end];
                encoded = end < 0 ? default : encoded[(end + 1)..];
                if (pair.IsEmpty) continue;

                var equals = pair.IndexOf((byte)'=');
                var name = Decode(equals < 0 ? pair : pair[..equals], buffer, ref malformed);
                var value = equals < 0 ? "" : Decode(pair[(equals + 1)..], buffer, ref malformed);
                if (name is null || value is null || !Add(pairs, name, value, ref repeated, ref malformed)) break;
            }
        }
        finally
        {
            // A form can hold a secret: nothing of it stays behind in a pooled buffer.
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }

        return new Parameters(pairs, repeated, malformed);
    }

    /// <summary>Reads a query string or form that is already text.</summary>
    /// <param name="encoded">The encoded pairs; a leading question mark is passed over.</param>
    public static Parameters Parse(string? encoded) => string.IsNullOrEmpty(encoded) ? Empty : Parse(Encoding.UTF8.GetBytes(encoded));

    /// <summary>Takes parameters that came by another way than a form, such as the claims of a request object, by the same rules.</summary>
    /// <param name="pairs">Names and values; a name may be there twice.</param>
    public static Parameters From(IEnumerable<KeyValuePair<string, string>> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var taken = new List<KeyValuePair<string, string>>(12);
        string? repeated = null, malformed = null;
        foreach (var (name, value) in pairs)
        {
            if (!Add(taken, name, value, ref repeated, ref malformed)) break;
        }

        return new Parameters(taken, repeated, malformed);
    }

    /// <summary>The same parameters as one encoded string, without a question mark.</summary>
    public string Encode()
    {
        var text = new StringBuilder();
        foreach (var (name, value) in _pairs)
        {
            if (text.Length > 0) text.Append('&');
            text.Append(Uri.EscapeDataString(name)).Append('=').Append(Uri.EscapeDataString(value));
        }

        return text.ToString();
    }

    /// <summary>Names only: values can be secrets.</summary>
    public override string ToString() => string.Join(' ', _pairs.Select(pair => pair.Key));

    private static bool MayRepeat(string name) => name is ParameterNames.Resource or ParameterNames.Audience;

    /// <summary>Adds a parameter.</summary>
    /// <returns>False if the parameters can't be taken as they are.</returns>
    private static bool Add(List<KeyValuePair<string, string>> pairs, string name, string value, ref string? repeated, ref string? malformed)
    {
        if (HasControl(name, false) || HasControl(value, MayHoldLines(name)))
        {
            malformed = "A parameter holds a control character, which no parameter may; send text without line breaks and NUL.";
            return false;
        }

        if (value.Length == 0) return true;
        if (repeated is null && !MayRepeat(name) && Contains(pairs, name)) repeated = name;
        pairs.Add(new(name, value));
        if (pairs.Count <= MaximumCount) return true;
        malformed = "The request has too many parameters.";
        return false;
    }

    private static bool Contains(List<KeyValuePair<string, string>> pairs, string name)
    {
        foreach (var pair in pairs)
        {
            if (pair.Key == name) return true;
        }

        return false;
    }

    private static string? Decode(ReadOnlySpan<byte> encoded, byte[] buffer, ref string? malformed)
    {
        var length = 0;
        for (var i = 0; i < encoded.Length; i++)
        {
            var character = encoded[i];
            if (character == (byte)'+')
            {
                character = (byte)' ';
            }
            else if (character == (byte)'%')
            {
                if (i + 2 >= encoded.Length || Hex(encoded[i + 1]) is not { } high || Hex(encoded[i + 2]) is not { } low)
                {
                    malformed = "A percent sign is not followed by two hexadecimal digits; encode the parameters as application/x-www-form-urlencoded.";
                    return null;
                }

                character = (byte)((high << 4) | low);
                i += 2;
            }

            buffer[length++] = character;
        }

        try
        {
            return StrictUtf8.GetString(buffer, 0, length);
        }
        catch (DecoderFallbackException)
        {
            malformed = "A parameter is not valid UTF-8; encode the parameters as UTF-8.";
            return null;
        }
    }

    private static int? Hex(byte character) => character switch
    {
        >= (byte)'0' and <= (byte)'9' => character - '0',
        >= (byte)'a' and <= (byte)'f' => character - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => character - 'A' + 10,
        _ => null,
    };

    // JSON documents may be sent indented.
    private static bool MayHoldLines(string name) => name is ParameterNames.Claims or ParameterNames.AuthorizationDetails;

    private static bool HasControl(string text, bool mayHoldLines)
    {
        foreach (var character in text)
        {
            if (mayHoldLines && character is ('\n' or '\r' or '\t')) continue;
            if (character is < ' ' or '\x7f') return true;
        }

        return false;
    }

    // Only names that look like registered ones are spoken back.
    private static bool IsPlain(string name) => name.Length <= 64 && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-');
}
