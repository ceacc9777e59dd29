using System.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// Encrypts what clients asked to get encrypted: signed first, then encrypted to a key of theirs (RFC 7519 section 11.2). What can't be encrypted is not
/// sent at all.
/// </summary>
internal sealed class ClientEncryption(ClientKeys keys)
{
    /// <summary>Encrypts a signed JWT, if the client is registered for it.</summary>
    /// <param name="jwt">The JWT.</param>
    /// <param name="client">The client.</param>
    /// <param name="algorithm">The registered <c>alg</c>; null for plain.</param>
    /// <param name="encryption">The registered <c>enc</c>; <c>A128CBC-HS256</c> if there is none.</param>
    /// <returns>The JWT as it is, or inside a JWE; <c>temporarily_unavailable</c> if the client has no key for it that can be had now.</returns>
    public ValueTask<Result<string>> EncryptAsync(string jwt, Client client, string? algorithm, string? encryption) =>
        algorithm is null ? new(jwt) : EncryptAsync(Encoding.ASCII.GetBytes(jwt), client, algorithm, encryption, "JWT");

    /// <summary>Encrypts bytes.</summary>
    /// <param name="plain">What is encrypted.</param>
    /// <param name="client">The client.</param>
    /// <param name="algorithm">The registered <c>alg</c>.</param>
    /// <param name="encryption">The registered <c>enc</c>; <c>A128CBC-HS256</c> if there is none.</param>
    /// <param name="contentType">The header's <c>cty</c>.</param>
    public async ValueTask<Result<string>> EncryptAsync(ReadOnlyMemory<byte> plain, Client client, string algorithm, string? encryption, string? contentType)
    {
        if (await keys.FindEncryptionAsync(client, algorithm).ConfigureAwait(false) is not { } key)
        {
            return OAuthError.TemporarilyUnavailable(
                $"The answer must be encrypted, but the client has no key for {algorithm} that can be had now; look at its jwks or jwks_uri.");
        }

        return key.Encrypt(plain.Span, encryption ?? EncryptionAlgorithms.A128CbcHs256, contentType);
    }
}
