using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Pages;

/// <summary>Serves one asset.</summary>
internal sealed class AssetEndpoint(Asset asset)
{
    private readonly string _tag = $"\"{asset.Version}\"";

    public Task HandleAsync(HttpContext context)
    {
        var response = context.Response;
        // Only the address that names the version is good for ever.
        response.Headers.CacheControl = context.Request.Query["v"] == asset.Version ? "public, max-age=31536000, immutable" : "public, no-cache";
        response.Headers.ETag = _tag;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (context.Request.Headers.IfNoneMatch.ToString().Contains(_tag, StringComparison.Ordinal))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = asset.ContentType;
        response.ContentLength = asset.Content.Length;
        return response.Body.WriteAsync(asset.Content, context.RequestAborted).AsTask();
    }
}
