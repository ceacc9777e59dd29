using System.Text.Json;
using Latchkey.Protocol.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>A client's public keys, opened: those that verify what it signed, and those that it can decrypt with.</summary>
internal sealed class ClientKeySet
{
    private readonly KeySet? _signing;
    private readonly JsonElement[] _keys;

    private ClientKeySet(KeySet? signing, JsonElement[] keys)
    {
        _signing = signing;
        _keys = keys;
    }

    /// <summary>A set without keys.</summary>
    public static ClientKeySet Empty { get; } = new(null, []);

    /// <summary>Reads a JWK set (RFC 7517 section 5); null if it is none.</summary>
    public static ClientKeySet? Read(JsonElement json) =>
        KeySet.Read(json, null) is { } signing ? new(signing, [.. json.GetProperty("keys").EnumerateArray().Take(100).Select(key => key.Clone())]) : null;

    /// <summary>The same of JSON text.</summary>
    public static ClientKeySet? Read(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return Read(document.RootElement);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The keys that can have signed with an algorithm.</summary>
    public IReadOnlyList<VerificationKey> Signing(string? keyId, string algorithm) => _signing is null ? [] : [.. _signing.FindAll(keyId, algorithm)];

    /// <summary>Whether a key's own certificate is this one (RFC 7517 section 4.7).</summary>
    /// <param name="certificate">DER in base64.</param>
    public bool HasCertificate(string certificate) => Array.Exists(_keys, key => key.ValueKind == JsonValueKind.Object && key.TryGetProperty("x5c", out var chain)
        && chain.ValueKind == JsonValueKind.Array && chain.GetArrayLength() > 0 && chain[0].ValueKind == JsonValueKind.String && chain[0].ValueEquals(certificate));

    /// <summary>The key to encrypt to: the first that is for encryption, else the first that may be used for anything; null if there is none.</summary>
    public JweEncrypter? Encryption(string algorithm)
    {
        foreach (var declared in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (var key in _keys)
            {
                if (key.ValueKind == JsonValueKind.Object && key.TryGetProperty("use", out _) == declared && JweEncrypter.Read(key, algorithm) is { } found) return found;
            }
        }

        return null;
    }
}
