using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Latchkey.Server.Hosting;

/// <summary>A public JSON document that is the same for everybody until the configuration changes: bytes and their ETag, made once.</summary>
internal sealed class StaticDocument(byte[] json, TimeSpan maxAge)
{
    private readonly string _cacheControl = $"public, max-age={(int)maxAge.TotalSeconds}";
    private readonly EntityTagHeaderValue _tag = new($"\"{Base64Url.EncodeToString(SHA256.HashData(json).AsSpan(0, 12))}\"");

    /// <summary>The document.</summary>
    public ReadOnlyMemory<byte> Json => json;

    /// <summary>Answers a GET or HEAD: the document, or 304 to whoever has it.</summary>
    public Task WriteAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.CacheControl = _cacheControl;
        headers.ETag = _tag.ToString();
        if (context.Request.Headers.IfNoneMatch.Count > 0 && context.Request.GetTypedHeaders().IfNoneMatch.Any(tag => tag.Compare(_tag, useStrongComparison: false) || tag.Equals(EntityTagHeaderValue.Any)))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        if (!HttpMethods.IsHead(context.Request.Method)) return context.WriteJsonAsync(json);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        return Task.CompletedTask;
    }
}
