using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Testing.Tests;

/// <summary>A client of an authority, by hand.</summary>
internal sealed class OAuthProbe(TestAuthority authority, ReadyClient client) : IDisposable
{
    public const string Verifier = "a-verifier-that-is-long-enough-0123456789-abcdef";

    private readonly HttpClient _http = authority.CreateClient();

    public HttpClient Http => _http;

    public string AuthorizeUrl(string scope = "openid api:read", string state = "state-0123456789", string? responseMode = null) =>
        $"{authority.Issuer}/authorize?response_type=code&client_id={client.ClientId}&redirect_uri={Uri.EscapeDataString(client.RedirectUri!)}&scope={Uri.EscapeDataString(scope)}"
        + $"&state={state}&nonce=nonce-{state}&code_challenge={Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)))}&code_challenge_method=S256"
        + (responseMode is null ? "" : $"&response_mode={responseMode}");

    public async Task<JsonElement> RedeemAsync(string code) =>
        await TokenAsync(("grant_type", "authorization_code"), ("code", code), ("redirect_uri", client.RedirectUri!), ("code_verifier", Verifier));

    public async Task<JsonElement> TokenAsync(params (string Name, string Value)[] form) => await PostAsync("token", form);

    public async Task<JsonElement> PostAsync(string path, params (string Name, string Value)[] form)
    {
        using var response = await SendAsync(path, form);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonElement.Parse(body);
    }

    public async Task<string?> ErrorAsync(string path, params (string Name, string Value)[] form)
    {
        using var response = await SendAsync(path, form);
        return JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("error").GetString();
    }

    public Task<HttpResponseMessage> SendAsync(string path, params (string Name, string Value)[] form) => SendAsync(path, CancellationToken.None, form);

    public Task<HttpResponseMessage> SendAsync(string path, CancellationToken cancellation, params (string Name, string Value)[] form)
    {
        var fields = form.Select(field => KeyValuePair.Create(field.Name, field.Value)).ToList();
        var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (client.Method == ClientAuthenticationMethods.ClientSecretBasic)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{WebUtility.UrlEncode(client.ClientId)}:{WebUtility.UrlEncode(client.Secret)}")));
        else fields.Add(new("client_id", client.ClientId));
        request.Content = new FormUrlEncodedContent(fields);
        return _http.SendAsync(request, cancellation);
    }

    public void Dispose() => _http.Dispose();
}
