using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Latchkey.Protocol;
using Latchkey.Server.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Hosting;

/// <summary>Writes answers of the JSON endpoints.</summary>
internal static class Answers
{
    /// <summary>Writes an error by RFC 6749 section 5.2: status, code, description; never cached.</summary>
    public static Task WriteErrorAsync(this HttpContext context, OAuthError error)
    {
        ServerTelemetry.Refused(context, error.Code);
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("error"u8, error.Code);
            json.WriteString("error_description"u8, error.Description);
            json.WriteEndObject();
        }

        context.Response.StatusCode = error.Status;
        context.NameRequest();
        context.NoStore();
        return context.WriteJsonAsync(buffer.WrittenMemory);
    }

    /// <summary>Lets the caller name the request, as the log and the audit do: for answers that somebody may ask about.</summary>
    public static void NameRequest(this HttpContext context) => context.Response.Headers["X-Request-Id"] = context.RequestId();

    /// <summary>Writes a message by its source-generated description.</summary>
    public static Task WriteJsonAsync<T>(this HttpContext context, T message, JsonTypeInfo<T> type) =>
        context.WriteJsonAsync(JsonSerializer.SerializeToUtf8Bytes(message, type));

    /// <summary>Writes bytes that are JSON already.</summary>
    public static Task WriteJsonAsync(this HttpContext context, ReadOnlyMemory<byte> json)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        return context.Response.Body.WriteAsync(json, context.RequestAborted).AsTask();
    }

    /// <summary>Writes a JWT, signed or encrypted (RFC 7519 section 10.3.1).</summary>
    public static Task WriteJwtAsync(this HttpContext context, string jwt, string mediaType = "application/jwt")
    {
        var bytes = System.Text.Encoding.ASCII.GetBytes(jwt);
        context.Response.ContentType = mediaType;
        context.Response.ContentLength = bytes.Length;
        return context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }

    /// <summary>Forbids caching (RFC 6749 section 5.1).</summary>
    public static void NoStore(this HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.Pragma = "no-cache";
    }

    /// <summary>Where the request came from, as far as configured proxies say.</summary>
    public static string? Address(this HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        return (address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address)?.ToString();
    }

    /// <summary>The browser or program, shortened.</summary>
    public static string? UserAgent(this HttpContext context)
    {
        var agent = context.Request.Headers.UserAgent.ToString();
        return agent.Length == 0 ? null : agent.Length <= 256 ? agent : agent[..256];
    }

    /// <summary>The request's id, as in logs, audit and error pages.</summary>
    public static string RequestId(this HttpContext context) => context.TraceIdentifier;
}
