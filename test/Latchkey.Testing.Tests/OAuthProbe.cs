using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Testing.Tests;

/// <summary>A client of an authority, by hand.</summary>
internal sealed class OAuthProbe(TestAuthority authority, ReadyClient client) : IDisposable
{
    private readonly HttpClient _http = authority.CreateClient();

    public async Task<JsonElement> TokenAsync(params (string Name, string Value)[] form) => await PostAsync("token", form);

    public async Task<JsonElement> PostAsync(string path, params (string Name, string Value)[] form)
    {
        using var response = await SendAsync(path, form);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonElement.Parse(body);
    }

    public Task<HttpResponseMessage> SendAsync(string path, params (string Name, string Value)[] form)
    {
        var fields = form.Select(field => KeyValuePair.Create(field.Name, field.Value)).ToList();
        var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (client.Method == ClientAuthenticationMethods.ClientSecretBasic)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{WebUtility.UrlEncode(client.ClientId)}:{WebUtility.UrlEncode(client.Secret)}")));
        else fields.Add(new("client_id", client.ClientId));
        request.Content = new FormUrlEncodedContent(fields);
        return _http.SendAsync(request);
    }

    public void Dispose() => _http.Dispose();
}
