using System.Security.Cryptography;
using System.Text;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;

namespace Latchkey.Testing;

/// <summary>A client's ES256 key, for <c>private_key_jwt</c>. Made new; safe to share between threads.</summary>
public sealed class ClientKey : IDisposable
{
    private readonly byte[] _pkcs8 = JwsSigner.Generate(SigningAlgorithms.ES256);
    private readonly JwsSigner _signer;

    /// <summary>Makes a key.</summary>
    /// <param name="keyId">Its <c>kid</c>.</param>
    public ClientKey(string keyId) => _signer = JwsSigner.Open(SigningAlgorithms.ES256, keyId, (byte[])_pkcs8.Clone());

    /// <summary>The <c>kid</c>.</summary>
    public string KeyId => _signer.KeyId;

    /// <summary>The public half as a JWK (RFC 7517), to be registered in the client's <c>jwks</c>.</summary>
    public string PublicJwk => Encoding.UTF8.GetString(_signer.PublicKey.Span);

    /// <summary>The private key; the caller disposes of it.</summary>
    public ECDsa OpenPrivateKey()
    {
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(_pkcs8, out _);
        return key;
    }

    /// <summary>The private key as PKCS #8 in PEM, for programs in other languages.</summary>
    public string PrivatePem()
    {
        using var key = OpenPrivateKey();
        return key.ExportPkcs8PrivateKeyPem();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _signer.Dispose();
        CryptographicOperations.ZeroMemory(_pkcs8);
    }

    /// <summary>Names the key, never shows it.</summary>
    public override string ToString() => _signer.ToString();
}
