using System.Buffers;
using System.Text.Json;

namespace Latchkey.Client.Tokens;

/// <summary>Tokens as JSON for stores and caches, which encrypt it.</summary>
internal static class TokenJson
{
    public static byte[] Write(AccessToken token) => Write(json => WriteToken(json, token));

    public static byte[] Write(SessionTokens tokens) => Write(json =>
    {
        json.WriteStartObject();
        json.WriteString("issuer", tokens.Issuer);
        json.WriteString("client_id", tokens.ClientId);
        if (tokens.RefreshToken is not null) json.WriteString("refresh_token", tokens.RefreshToken);
        if (tokens.IdToken is not null) json.WriteString("id_token", tokens.IdToken);
        json.WriteStartArray("access_tokens");
        foreach (var kept in tokens.AccessTokens)
        {
            json.WriteStartObject();
            json.WriteString("scope", kept.Scope);
            json.WriteString("resource", kept.Resource);
            json.WritePropertyName("token");
            WriteToken(json, kept.Token);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    public static AccessToken ReadToken(ReadOnlySpan<byte> bytes) => Read(bytes, Token);

    public static SessionTokens ReadSession(ReadOnlySpan<byte> bytes) => Read(bytes, json => new SessionTokens
    {
        Issuer = Text(json, "issuer"),
        ClientId = Text(json, "client_id"),
        RefreshToken = OptionalText(json, "refresh_token"),
        IdToken = OptionalText(json, "id_token"),
        AccessTokens = [.. json.GetProperty("access_tokens").EnumerateArray().Select(kept => new SessionAccessToken
        {
            Scope = Text(kept, "scope"),
            Resource = Text(kept, "resource"),
            Token = Token(kept.GetProperty("token")),
        })],
    });

    private static void WriteToken(Utf8JsonWriter json, AccessToken token)
    {
        json.WriteStartObject();
        json.WriteString("value", token.Value);
        json.WriteString("type", token.Type);
        json.WriteNumber("issued_at", token.IssuedAt.ToUnixTimeMilliseconds());
        if (token.ExpiresAt is { } end) json.WriteNumber("expires_at", end.ToUnixTimeMilliseconds());
        json.WriteString("scope", token.Scope);
        if (token.KeyThumbprint is not null) json.WriteString("jkt", token.KeyThumbprint);
        json.WriteEndObject();
    }

    private static AccessToken Token(JsonElement json) => new()
    {
        Value = Text(json, "value"),
        Type = Text(json, "type"),
        IssuedAt = Time(json.GetProperty("issued_at")),
        ExpiresAt = json.TryGetProperty("expires_at", out var end) ? Time(end) : null,
        Scope = Text(json, "scope"),
        KeyThumbprint = OptionalText(json, "jkt"),
    };

    private static DateTimeOffset Time(JsonElement json) => DateTimeOffset.FromUnixTimeMilliseconds(json.GetInt64());

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString() ?? throw new FormatException();

    private static string? OptionalText(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer)) write(json);
        return buffer.WrittenSpan.ToArray();
    }

    private static T Read<T>(ReadOnlySpan<byte> bytes, Func<JsonElement, T> read)
    {
        try
        {
            return read(JsonElement.Parse(bytes));
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentOutOfRangeException)
        {
            // Without the cause: its message may quote what it read.
            throw new FormatException("What was kept is not the JSON of tokens; it was written by something else, or by another version.");
        }
    }
}
