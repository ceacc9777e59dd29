using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Client;

/// <summary>Compares what a stranger must not find out character by character.</summary>
internal static class FixedTime
{
    /// <summary>Whether two texts are the same, in a time that depends on their lengths only.</summary>
    public static bool Equal(string left, string right) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));
}
