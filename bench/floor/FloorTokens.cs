using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Latchkey.Bench.Floor;

/// <summary>A JWT of the claims of RFC 9068, with as few allocations as come easily.</summary>
internal sealed class FloorTokens
{
    private readonly string _issuer;
    private readonly RSA? _rsa;
    private readonly ECDsa? _ec;
    private readonly byte[] _header;

    public FloorTokens(string algorithm, string issuer)
    {
        _issuer = issuer;
        if (algorithm == "ES256") _ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        else _rsa = RSA.Create(2048);
        _header = Encoding.ASCII.GetBytes(Base64Url.EncodeToString(Encoding.ASCII.GetBytes($"{{\"alg\":\"{algorithm}\",\"typ\":\"at+jwt\",\"kid\":\"k\"}}")) + ".");
    }

    public byte[] Create(string scope)
    {
        var claims = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(claims, new JsonWriterOptions { SkipValidation = true }))
        {
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
            Span<byte> id = stackalloc byte[16];
            RandomNumberGenerator.Fill(id);
            json.WriteStartObject();
            json.WriteString("iss"u8, _issuer);
            json.WriteString("sub"u8, "bench-cc"u8);
            json.WriteString("aud"u8, "https://api.example.com"u8);
            json.WriteString("client_id"u8, "bench-cc"u8);
            json.WriteString("scope"u8, scope);
            json.WriteNumber("iat"u8, now);
            json.WriteNumber("exp"u8, now + 3600);
            json.WriteString("jti"u8, Base64Url.EncodeToString(id));
            json.WriteEndObject();
        }

        Span<byte> signature = stackalloc byte[_rsa is null ? 64 : 256];
        var payload = Base64Url.GetEncodedLength(claims.WrittenCount);
        var token = new byte[_header.Length + payload + 1 + Base64Url.GetEncodedLength(signature.Length)];
        _header.CopyTo(token, 0);
        Base64Url.EncodeToUtf8(claims.WrittenSpan, token.AsSpan(_header.Length));
        var input = token.AsSpan(0, _header.Length + payload);
        token[input.Length] = (byte)'.';
        if (_rsa is null) _ec!.SignData(input, signature, HashAlgorithmName.SHA256);
        else _rsa.SignData(input, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        Base64Url.EncodeToUtf8(signature, token.AsSpan(input.Length + 1));
        return token;
    }
}
