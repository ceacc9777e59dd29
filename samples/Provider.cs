using System.Text.Json;

namespace Latchkey.Samples;

/// <summary>An OAuth error, or an answer that can't be trusted.</summary>
internal sealed class OAuthException(string code, string? description = null) : Exception(description is null ? code : $"{code}: {description}")
{
    public string Code { get; } = code;

    public string? Description { get; } = description;

    /// <summary>What an endpoint's answer says went wrong (RFC 6749 section 5.2).</summary>
    public static OAuthException From(HttpResponseMessage response, JsonElement answer) =>
        answer.Text("error") is { } code
            ? new(code, answer.Text("error_description"))
            : new("server_error", $"{response.RequestMessage?.RequestUri} answered {(int)response.StatusCode}");
}

/// <summary>What an authorization server says of itself, found from nothing but its issuer.</summary>
internal sealed record Provider(string Issuer, JsonElement Metadata)
{
    public string Endpoint(string name) => Metadata.Text(name) ?? throw new OAuthException("unsupported", $"The provider has no {name}.");

    public bool Says(string name) => Metadata.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>Reads the metadata (OpenID Connect Discovery, else RFC 8414). Its issuer must be the very same string.</summary>
    public static async Task<Provider> DiscoverAsync(HttpClient http, string issuer, CancellationToken cancellation = default)
    {
        var uri = new Uri(issuer);
        if (uri.Scheme != "https" && !uri.IsLoopback) throw new OAuthException("insecure_issuer", "An http issuer is taken on loopback only.");
        var path = uri.AbsolutePath.TrimEnd('/');
        string[] addresses =
        [
            issuer.TrimEnd('/') + "/.well-known/openid-configuration",
            uri.GetLeftPart(UriPartial.Authority) + "/.well-known/oauth-authorization-server" + path,
        ];
        foreach (var address in addresses)
        {
            using var response = await http.GetAsync(address, cancellation);
            if (!response.IsSuccessStatusCode) continue;
            var metadata = await response.ReadJsonAsync(cancellation);
            if (metadata.Text("issuer") != issuer) throw new OAuthException("issuer_mismatch", $"{address} is of another issuer than {issuer}.");
            return new Provider(issuer, metadata);
        }

        throw new OAuthException("no_metadata", $"There is no provider metadata at {addresses[0]}.");
    }

    /// <summary>
    /// The client's proof for a form that goes to the provider: form-encoded Basic (RFC 6749 section 2.3.1) where the provider takes it, else in the
    /// form; the id alone for a client without a secret.
    /// </summary>
    public HttpRequestMessage Post(string endpoint, string clientId, string? clientSecret, Dictionary<string, string> form)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Endpoint(endpoint));
        var basic = !Metadata.TryGetProperty("token_endpoint_auth_methods_supported", out var methods)
            || methods.EnumerateArray().Any(method => method.GetString() == "client_secret_basic");
        if (!string.IsNullOrEmpty(clientSecret) && basic)
        {
            var credentials = $"{Encode(clientId)}:{Encode(clientSecret)}";
            request.Headers.Authorization = new("Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(credentials)));
        }
        else
        {
            form["client_id"] = clientId;
            if (!string.IsNullOrEmpty(clientSecret)) form["client_secret"] = clientSecret;
        }

        request.Content = new FormUrlEncodedContent(form);
        return request;
    }

    /// <summary>Sends such a form; an answer that is no success is an <see cref="OAuthException"/>.</summary>
    public async Task<JsonElement> PostAsync(HttpClient http, string endpoint, string clientId, string? clientSecret, Dictionary<string, string> form)
    {
        using var request = Post(endpoint, clientId, clientSecret, form);
        using var response = await http.SendAsync(request);
        var answer = await response.ReadJsonAsync();
        return response.IsSuccessStatusCode ? answer : throw OAuthException.From(response, answer);
    }

    private static string Encode(string text) => System.Net.WebUtility.UrlEncode(text);
}

internal static class Json
{
    /// <summary>The answer as a JSON object; an empty one for anything else.</summary>
    public static async Task<JsonElement> ReadJsonAsync(this HttpResponseMessage response, CancellationToken cancellation = default)
    {
        try
        {
            using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellation));
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // A proxy's error page, or nothing at all.
        }

        return JsonElement.Parse("{}");
    }

    public static string? Text(this JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static long? Number(this JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;
}
