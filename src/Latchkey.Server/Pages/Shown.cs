using System.Globalization;
using System.Text;

namespace Latchkey.Server.Pages;

/// <summary>Makes other people's words fit a page.</summary>
internal static class Shown
{
    /// <summary>How much of a name is shown: enough for any honest one.</summary>
    public const int NameLength = 80;

    /// <summary>The text, cut with an ellipsis where it is longer, never within a character that people see as one.</summary>
    public static string Shorten(string text, int length = NameLength)
    {
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
}
