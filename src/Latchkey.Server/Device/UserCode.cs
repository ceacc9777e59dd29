using System.Security.Cryptography;

namespace Latchkey.Server.Device;

/// <summary>
/// The code that a person types or compares (RFC 8628 section 6.1): eight of twenty consonants, so that no word comes of it, nothing is mistaken for
/// something else, and 34 bits have to be guessed while the code lives.
/// </summary>
internal static class UserCode
{
    private const string Alphabet = "BCDFGHJKLMNPQRSTVWXZ";
    private const int Length = 8;

    /// <summary>Makes a code, without its dash.</summary>
    public static string New() => RandomNumberGenerator.GetString(Alphabet, Length);

    /// <summary>The code as people see it, XXXX-XXXX.</summary>
    public static string Show(string code) => $"{code[..4]}-{code[4..]}";

    /// <summary>Reads what a person typed: case, spaces and dashes do not matter.</summary>
    /// <returns>The code without its dash, or null if this can't be one.</returns>
    public static string? Read(string typed)
    {
        if (typed.Length > 64) return null;
        Span<char> code = stackalloc char[Length];
        var length = 0;
        foreach (var character in typed)
        {
            if (!char.IsLetterOrDigit(character)) continue;
            var letter = char.ToUpperInvariant(character);
            if (length == Length || !Alphabet.Contains(letter, StringComparison.Ordinal)) return null;
            code[length++] = letter;
        }

        return length == Length ? new string(code) : null;
    }
}
