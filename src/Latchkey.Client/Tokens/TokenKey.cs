using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Client.Tokens;

/// <summary>
/// What a token is kept under. Each part is there because without it somebody would get another's token: another person's, another provider's, one for
/// another API, one that can do more or less, one that is bound to a key which the caller does not have.
/// </summary>
/// <param name="Session">The signed-in session; empty for the client's own tokens.</param>
/// <param name="Issuer">The provider.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Resource">The APIs asked for (RFC 8707), sorted; empty for the client's own.</param>
/// <param name="Scope">The scope asked for, sorted; empty for the client's own.</param>
/// <param name="KeyThumbprint">The RFC 7638 thumbprint of the DPoP key; empty for bearer tokens.</param>
internal readonly record struct TokenKey(string Session, string Issuer, string ClientId, string Resource, string Scope, string KeyThumbprint)
{
    /// <summary>A list in one order, each word once: the order in which a caller names scopes makes no other token.</summary>
    public static string Normalized(string? words)
    {
        if (string.IsNullOrEmpty(words)) return "";
        if (!words.Contains(' ', StringComparison.Ordinal)) return words;
        return string.Join(' ', words.Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    /// <summary>
    /// A name for caches and locks of several nodes: a digest, because a session id is a secret of sorts. Each part is preceded by its length, so that no two
    /// keys run together to one name.
    /// </summary>
    public string Name(string prefix)
    {
        var text = new StringBuilder();
        foreach (var part in (ReadOnlySpan<string>)[Session, Issuer, ClientId, Resource, Scope, KeyThumbprint])
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"{part.Length}:{part}");
        return prefix + Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>Without the session.</summary>
    public override string ToString() => $"{ClientId} at {Issuer}, scope \"{Scope}\", resource \"{Resource}\"";
}
