using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace Latchkey.Client.AspNetCore.Bff;

/// <summary>What of a call passes on to the API, and what of its answer passes back: what is listed and nothing else.</summary>
internal sealed class ApiTransformer(BffApi api) : HttpTransformer
{
    private static readonly string[] NeverSent = ["Cookie", "Authorization", "Proxy-Authorization", "DPoP", "Host", "Forwarded"];
    private static readonly string[] NeverReturned = ["Set-Cookie", "Set-Cookie2", "Clear-Site-Data", "Content-Security-Policy", "Refresh", "Location"];

    public override ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        var request = httpContext.Request;
        // The host is the configuration's, whatever the browser calls this one.
        request.Path.StartsWithSegments(api.Path, out var rest);
        proxyRequest.RequestUri = RequestUtilities.MakeDestinationAddress(destinationPrefix, rest, request.QueryString);
        proxyRequest.Headers.Host = null;
        foreach (var (name, value) in request.Headers)
        {
            if (!api.RequestHeaders.Contains(name) || NeverSent.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            var values = (IEnumerable<string?>)value;
            if (!proxyRequest.Headers.TryAddWithoutValidation(name, values)) proxyRequest.Content?.Headers.TryAddWithoutValidation(name, values);
        }

        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null) return new(false);
        var response = httpContext.Response;
        response.StatusCode = (int)proxyResponse.StatusCode;
        Copy(response, proxyResponse.Headers);
        Copy(response, proxyResponse.Content.Headers);
        // A person's data. A shared cache keeps answers to calls with Authorization to itself (RFC 9111 section 3.5), but it sees none here: so what the
        // API lets be kept is for this browser alone, and for no other cookie.
        response.Headers.CacheControl = Private(response.Headers.CacheControl.ToString());
        response.Headers.Append("Vary", "Cookie");
        // And whatever an API says, it is no page of this origin.
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox";
        return new(true);
    }

    private static string Private(string caching)
    {
        if (caching.Length == 0) return "no-store";
        var directives = caching.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(directive => !directive.Equals("public", StringComparison.OrdinalIgnoreCase) && !directive.StartsWith("s-maxage", StringComparison.OrdinalIgnoreCase));
        return string.Join(", ", directives.Append("private"));
    }

    private void Copy(HttpResponse response, System.Net.Http.Headers.HttpHeaders headers)
    {
        foreach (var (name, values) in headers.NonValidated)
        {
            if (!api.ResponseHeaders.Contains(name) || NeverReturned.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            response.Headers.Append(name, new StringValues([.. values]));
        }
    }
}
