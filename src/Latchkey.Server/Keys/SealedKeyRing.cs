using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Latchkey.Server.Keys;

/// <summary>
/// A key ring whose elements are encrypted (AES-256-GCM) under a key that the operator brings, so that whoever has the database or its backup has
/// nothing without it. Elements that were written before the operator brought one are read as they are.
/// </summary>
/// <param name="inner">Where the elements lie.</param>
/// <param name="key">The operator's key of 32 bytes; null if there is none, so that sealed elements are refused with a sentence.</param>
public sealed class SealedKeyRing(IXmlRepository inner, byte[]? key) : IXmlRepository
{
    private const string Sealed = "sealed";
    private const int NonceSize = 12;
    private const int TagSize = 16;

    private static readonly byte[] Purpose = "Latchkey.KeyRing.v1"u8.ToArray();

    /// <inheritdoc />
    /// <exception cref="KeyRingException">An element can't be opened.</exception>
    public IReadOnlyCollection<XElement> GetAllElements() => [.. inner.GetAllElements().Select(Open)];

    /// <inheritdoc />
    public void StoreElement(XElement element, string friendlyName) => inner.StoreElement(Seal(element), friendlyName);

    private XElement Seal(XElement element)
    {
        if (key is null) return element;
        var plain = Encoding.UTF8.GetBytes(element.ToString(SaveOptions.DisableFormatting));
        var box = new byte[NonceSize + plain.Length + TagSize];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceSize));
        using var cipher = new AesGcm(key, TagSize);
        cipher.Encrypt(box.AsSpan(0, NonceSize), plain, box.AsSpan(NonceSize, plain.Length), box.AsSpan(NonceSize + plain.Length), Purpose);
        CryptographicOperations.ZeroMemory(plain);
        return new XElement(Sealed, Convert.ToBase64String(box));
    }

    private XElement Open(XElement element)
    {
        if (element.Name != Sealed) return element;
        if (key is null) throw new KeyRingException("The key ring is encrypted under a key that the operator brought; give it with --key-encryption-key FILE.");
        try
        {
            var box = Convert.FromBase64String(element.Value);
            if (box.Length < NonceSize + TagSize) throw new CryptographicException();
            var plain = new byte[box.Length - NonceSize - TagSize];
            using var cipher = new AesGcm(key, TagSize);
            cipher.Decrypt(box.AsSpan(0, NonceSize), box.AsSpan(NonceSize, plain.Length), box.AsSpan(NonceSize + plain.Length), plain, Purpose);
            return XElement.Parse(Encoding.UTF8.GetString(plain));
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            throw new KeyRingException("The key ring was encrypted under another key-encryption key than the one given; give the one it was made with.", exception);
        }
    }
}

/// <summary>The key ring can't be opened.</summary>
/// <param name="message">One sentence for the operator.</param>
/// <param name="inner">Why.</param>
public sealed class KeyRingException(string message, Exception? inner = null) : Exception(message, inner);
