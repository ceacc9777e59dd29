using System.Globalization;
using System.Text;

namespace Latchkey.Server.Pages;

/// <summary>Makes other people's words fit a page.</summary>
internal static class Shown
{
    /// <summary>How much of a name is shown: enough for any honest one.</summary>
    public const int NameLength = 80;

    /// <summary>
    /// The text on one line and in the direction of its letters, cut with an ellipsis where it is longer, never within a character that people see
    /// as one.
    /// </summary>
    public static string Shorten(string text, int length = NameLength)
    {
        text = Straighten(text);
        if (text.Length <= length) return text;
        var end = 0;
        while (true)
        {
            var next = end + StringInfo.GetNextTextElementLength(text, end);
            if (next > length - 1) break;
            end = next;
        }

        return string.Concat(text.AsSpan(0, end), "…");
    }

    /// <summary>The first letters of a name's first words.</summary>
    public static string Initials(string name, int count)
    {
        var initials = new StringBuilder();
        foreach (var word in name.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Take(count))
        {
            var first = StringInfo.GetNextTextElement(word);
            if (first.Length <= 8) initials.Append(first.ToUpperInvariant());
        }

        return initials.Length == 0 ? "·" : initials.ToString();
    }

    // Without control characters, and without those that turn text around: a window's title has no element that could hold them in.
    private static string Straighten(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\u001f') && !text.AsSpan().ContainsAnyInRange('\u007f', '\u009f')
            && !text.AsSpan().ContainsAnyInRange('\u202a', '\u202e') && !text.AsSpan().ContainsAnyInRange('\u2066', '\u2069'))
        {
            return text;
        }

        var straight = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            if (character is (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069')) continue;
            straight.Append(char.IsControl(character) ? ' ' : character);
        }

        return straight.ToString();
    }
}
