using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Latchkey.Server.Configuration;
using Latchkey.Server.Keys;

namespace Latchkey.Server.UserInfo;

/// <summary>
/// The <c>sub</c> that a client knows a person by (OpenID Connect Core section 8): the person's own, or a pairwise one, which is the same for all clients
/// of a sector and says nothing to those of another. Made with a secret key each time, so that nothing is stored and nothing can be computed back.
/// </summary>
internal static class SubjectIdentifiers
{
    /// <summary>The <c>sub</c> of a person for a client.</summary>
    /// <param name="subject">The person.</param>
    /// <param name="client">The client.</param>
    /// <param name="keys">With the key of pairwise subjects.</param>
    public static string Of(string subject, Client client, KeyRing keys)
    {
        if (client.SectorIdentifier is not { } sector) return subject;
        var key = keys.Current(KeyPurposes.Pairwise, long.MaxValue);
        // Neither a host nor a sub holds a NUL, so no two pairs are the same bytes.
        return Base64Url.EncodeToString(HMACSHA256.HashData(key.Secret, Encoding.UTF8.GetBytes($"{sector}\0{subject}")));
    }
}
