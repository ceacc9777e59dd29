using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Latchkey.Protocol.Jose;

/// <summary>
/// Writes signed JWTs in compact form (RFC 7515 section 7.1, RFC 7519). Claims go straight from the caller into UTF-8;
/// the writer's buffers are used again by its thread.
/// </summary>
#pragma warning disable CA1001 // the JSON writer writes to memory only and lives as long as its thread
public sealed class JwtWriter
#pragma warning restore CA1001
{
    [ThreadStatic]
    private static JwtWriter? _current;

    private readonly ArrayBufferWriter<byte> _payload = new(1024);
    private readonly Utf8JsonWriter _json;
    private byte[] _token = new byte[2048];

    private JwtWriter() => _json = new Utf8JsonWriter(_payload, new JsonWriterOptions
    {
        SkipValidation = true,
        // JWTs are never put into HTML as they are: only what JSON itself demands is escaped, so that names stay readable and short.
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>Signs a JWT.</summary>
    /// <typeparam name="TClaims">What the claims are written from.</typeparam>
    /// <param name="signer">The key.</param>
    /// <param name="type">The header's <c>typ</c>, such as <c>at+jwt</c>.</param>
    /// <param name="claims">The source of the claims.</param>
    /// <param name="write">Writes the members of the claims object; the braces are already there.</param>
    /// <returns>The compact serialization, ASCII.</returns>
    public static string Write<TClaims>(JwsSigner signer, string type, TClaims claims, Action<Utf8JsonWriter, TClaims> write)
    {
        // {"alg":"…","typ":"…","kid":"…"}: the three values are ours and hold nothing that JSON escapes.
        Span<byte> header = stackalloc byte[256];
        var length = Encoding.ASCII.GetBytes($"{{\"alg\":\"{signer.Algorithm}\",\"typ\":\"{type}\",\"kid\":\"{signer.KeyId}\"}}", header);
        return Write(signer, header[..length], claims, write);
    }

    /// <summary>The same with a header of the caller's own, as JSON in UTF-8.</summary>
    internal static string Write<TClaims>(JwsSigner signer, ReadOnlySpan<byte> header, TClaims claims, Action<Utf8JsonWriter, TClaims> write)
    {
        // Claims writers don't sign tokens themselves; should one ever do, it gets a writer of its own.
        var writer = _current ?? new JwtWriter();
        _current = null;
        try
        {
            return writer.Sign(signer, header, claims, write);
        }
        finally
        {
            _current = writer;
        }
    }

    private string Sign<TClaims>(JwsSigner signer, ReadOnlySpan<byte> header, TClaims claims, Action<Utf8JsonWriter, TClaims> write)
    {
        _payload.ResetWrittenCount();
        _json.Reset(_payload);
        _json.WriteStartObject();
        write(_json, claims);
        _json.WriteEndObject();
        _json.Flush();

        var size = Base64Url.GetEncodedLength(header.Length) + Base64Url.GetEncodedLength(_payload.WrittenCount)
            + Base64Url.GetEncodedLength(signer.SignatureSize) + 2;
        if (_token.Length < size) _token = new byte[size];
        var token = _token.AsSpan();

        var length = Base64Url.EncodeToUtf8(header, token);
        token[length++] = (byte)'.';
        length += Base64Url.EncodeToUtf8(_payload.WrittenSpan, token[length..]);

        Span<byte> signature = stackalloc byte[signer.SignatureSize];
        signer.Sign(token[..length], signature);
        token[length++] = (byte)'.';
        length += Base64Url.EncodeToUtf8(signature, token[length..]);
        return Encoding.ASCII.GetString(token[..length]);
    }
}
