using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Server.SenderConstraint;

/// <summary>What a token is bound to, as its claim <c>cnf</c> says (RFC 7800): a DPoP key, a client certificate, or both.</summary>
/// <param name="KeyThumbprint">Thumbprint of the key, <c>jkt</c> (RFC 9449 section 6.1); null if it is bound to none.</param>
/// <param name="CertificateThumbprint">SHA-256 of the certificate, <c>x5t#S256</c> (RFC 8705 section 3.1); null if it is bound to none.</param>
internal sealed record Confirmation(string? KeyThumbprint, string? CertificateThumbprint)
{
    /// <summary>What a token answer calls it: only DPoP asks for another way of use (RFC 9449 section 5, RFC 8705 section 3).</summary>
    public string TokenType => KeyThumbprint is null ? TokenTypes.Bearer : TokenTypes.DPoP;

    /// <summary>Reads a token's <c>cnf</c>; null if the token has none.</summary>
    public static Confirmation? Read(JsonElement cnf) =>
        cnf.ValueKind == JsonValueKind.Object ? new(Text(cnf, ClaimNames.KeyThumbprint), Text(cnf, ClaimNames.CertificateThumbprint)) : null;

    /// <summary>Writes the member <c>cnf</c>.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("cnf"u8);
        if (KeyThumbprint is not null) json.WriteString("jkt"u8, KeyThumbprint);
        if (CertificateThumbprint is not null) json.WriteString("x5t#S256"u8, CertificateThumbprint);
        json.WriteEndObject();
    }

    private static string? Text(JsonElement cnf, string name) =>
        cnf.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
