using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.Metadata;

/// <summary>
/// What this API says of itself, RFC 9728 section 2: who it is, and whose tokens it takes. Served at the address with the resource's path inserted
/// (section 3.1) and at the root, to anybody.
/// </summary>
internal sealed class ProtectedResourceMetadata
{
    private const string WellKnown = "/.well-known/oauth-protected-resource";

    private readonly byte[] _document;
    private readonly PathString _path;
    private readonly string? _address;

    public ProtectedResourceMetadata(ResourceServerOptions options, IReadOnlyList<string> addresses)
    {
        var path = Uri.TryCreate(options.Resource, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri.AbsolutePath.TrimEnd('/') : "";
        _path = PathString.FromUriComponent(WellKnown + path);
        _document = Write(options);
        // The well-known part goes right after the host (section 3.1), before whatever path the address has.
        _address = addresses.Count > 0 ? new Uri(addresses[0]).GetLeftPart(UriPartial.Authority) + WellKnown + path : null;
    }

    /// <summary>Where it is, for the challenge. Only an API whose address nobody said has to believe the request.</summary>
    public string AddressFor(HttpRequest request) => _address ?? $"{request.Scheme}://{request.Host}{_path.ToUriComponent()}";

    /// <summary>Whether a request asks for it.</summary>
    public bool IsFor(HttpRequest request) =>
        request.Path.Equals(_path, StringComparison.Ordinal) || request.Path.Equals(WellKnown, StringComparison.Ordinal);

    /// <summary>Answers a request for it.</summary>
    /// <returns>True: it is answered.</returns>
    public async Task<bool> ServeAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        response.Headers.AccessControlAllowOrigin = "*";
        if (HttpMethods.IsOptions(request.Method))
        {
            // Clients of the Model Context Protocol send a header of their own, for which browsers ask first.
            response.StatusCode = 204;
            response.Headers.AccessControlAllowMethods = "GET, HEAD";
            response.Headers.AccessControlAllowHeaders = "*";
            response.Headers.AccessControlMaxAge = "86400";
            return true;
        }

        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            response.StatusCode = 405;
            response.Headers.Allow = "GET, HEAD, OPTIONS";
            return true;
        }

        response.ContentType = "application/json";
        response.Headers.CacheControl = "public, max-age=300";
        response.ContentLength = _document.Length;
        if (HttpMethods.IsGet(request.Method)) await response.Body.WriteAsync(_document, context.RequestAborted).ConfigureAwait(false);
        return true;
    }

    private static byte[] Write(ResourceServerOptions options)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("resource", options.Resource);
        WriteList(json, "authorization_servers", options.AllIssuers);
        WriteList(json, "scopes_supported", options.Scopes);
        WriteList(json, "bearer_methods_supported", ["header"]);
        WriteList(json, "dpop_signing_alg_values_supported", options.DPoP.Algorithms);
        if (options.DPoP.Required) json.WriteBoolean("dpop_bound_access_tokens_required", true);
        if (options.MutualTls.Announced ?? options.MutualTls.ForwardedHeader is not null) json.WriteBoolean("tls_client_certificate_bound_access_tokens", true);
        if (options.ResourceName is { } name) json.WriteString("resource_name", name);
        if (options.ResourceDocumentation is { } documentation) json.WriteString("resource_documentation", documentation);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteList(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        if (!values.Any()) return;
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
