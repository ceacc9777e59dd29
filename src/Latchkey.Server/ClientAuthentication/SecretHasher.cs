using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Identity;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// Hashes and verifies the secrets of clients. A secret that Latchkey made has 256 random bits, and SHA-256 keeps it; one that a person chose goes
/// through the password hasher of ASP.NET Core Identity. What was verified once is remembered under a key of this process, so that a request does not
/// pay for the slow hash twice.
/// </summary>
public static class SecretHasher
{
    /// <summary>What every secret that Latchkey makes begins with, so that secret scanners find it.</summary>
    public const string SecretPrefix = "lks_";

    private const string Generated = "sha256:";
    private const string Chosen = "password:";
    private const int RememberedSecrets = 4096;

    private static readonly PasswordHasher<object> Passwords = new();
    private static readonly object Nobody = new();
    private static readonly byte[] ProcessKey = RandomNumberGenerator.GetBytes(32);
    private static readonly ConcurrentDictionary<string, byte[]> Remembered = new(StringComparer.Ordinal);

    // The hash of a secret that nobody knows: a failure that was cheap pays for it, so that its time tells nothing.
    private static readonly Lazy<string> Dummy = new(() => HashChosen(NewSecret()));

    /// <summary>Makes a secret: <c>lks_</c> and 256 random bits, in characters that no encoding changes.</summary>
    public static string NewSecret() => SecretPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <summary>The hash of a secret made by <see cref="NewSecret"/>.</summary>
    /// <param name="secret">The secret.</param>
    public static string HashGenerated(string secret)
    {
        ArgumentNullException.ThrowIfNull(secret);
        return Generated + Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
    }

    /// <summary>The hash of a secret that a person chose: slow, and salted.</summary>
    /// <param name="secret">The secret.</param>
    public static string HashChosen(string secret) => Chosen + Passwords.HashPassword(Nobody, secret);

    /// <summary>Whether a secret is the one that the hash was made of.</summary>
    /// <param name="hash">What <see cref="HashGenerated"/> or <see cref="HashChosen"/> made.</param>
    /// <param name="secret">The secret as presented.</param>
    public static bool Verify(string hash, string secret) => VerifyQuickly(hash, secret) ?? VerifySlowly(hash, secret);

    /// <summary>The answer where it costs microseconds; null where only the slow hash can tell.</summary>
    internal static bool? VerifyQuickly(string hash, string secret)
    {
        if (hash.StartsWith(Generated, StringComparison.Ordinal))
            return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(HashGenerated(secret)), Encoding.ASCII.GetBytes(hash));

        // A hash belongs to one secret: once that is known, any other is wrong.
        return Remembered.TryGetValue(hash, out var mac) ? CryptographicOperations.FixedTimeEquals(mac, Mac(secret)) : null;
    }

    /// <summary>The answer of the slow hash.</summary>
    internal static bool VerifySlowly(string hash, string secret)
    {
        if (!hash.StartsWith(Chosen, StringComparison.Ordinal)) return false;
        if (Passwords.VerifyHashedPassword(Nobody, hash[Chosen.Length..], secret) == PasswordVerificationResult.Failed) return false;
        if (Remembered.Count >= RememberedSecrets) Remembered.Clear();
        Remembered[hash] = Mac(secret);
        return true;
    }

    /// <summary>Costs as much as <see cref="VerifySlowly"/>.</summary>
    internal static void Pretend(string secret) => Passwords.VerifyHashedPassword(Nobody, Dummy.Value[Chosen.Length..], secret);

    private static byte[] Mac(string secret) => HMACSHA256.HashData(ProcessKey, Encoding.UTF8.GetBytes(secret));
}
