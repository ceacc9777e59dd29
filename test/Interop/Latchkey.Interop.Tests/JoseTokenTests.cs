using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Latchkey.ResourceServer;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchkey.Interop.Tests;

/// <summary>The API guard against tokens that npm jose makes.</summary>
public sealed class JoseTokenTests
{
    private const string Issuer = "https://id.test";
    private const string Resource = "https://api.test";

    [Fact, Spec("RFC 9068", "4"), Spec("RFC 8725", "3"), Spec("RFC 9864", "2.2")]
    public async Task The_guard_takes_and_refuses_the_tokens_of_jose()
    {
        await using var jose = NodeProgram.Start("jose-tokens.mjs", new Dictionary<string, string> { ["ISSUER"] = Issuer, ["RESOURCE"] = Resource });
        var made = await jose.FinishAsync();

        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            options.Issuer = Issuer;
            options.Resource = Resource;
            options.BackchannelHttpHandler = new Published(made.GetProperty("jwks").GetRawText());
        });
        await using var api = builder.Build();
        api.MapGet("/read", () => "read").RequireScope("api:read");
        await api.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(api.Urls.Single()) };

        foreach (var token in made.GetProperty("tokens").EnumerateArray())
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/read");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.GetProperty("token").GetString());
            using var response = await http.SendAsync(request);
            var told = $"{token.GetProperty("name")}: {(int)response.StatusCode} {response.Headers.WwwAuthenticate}";
            if (token.GetProperty("code") is { ValueKind: JsonValueKind.String } code)
            {
                Assert.True(response.StatusCode == HttpStatusCode.Unauthorized, told);
                Assert.Contains($"error_description=\"{code}: ", told, StringComparison.Ordinal);
            }
            else
            {
                Assert.True(response.StatusCode == HttpStatusCode.OK, told);
            }
        }
    }

    /// <summary>What the issuer publishes.</summary>
    private sealed class Published(string keys) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK)
        {
            RequestMessage = request,
            Content = new StringContent(request.RequestUri!.AbsolutePath == "/keys" ? keys : $$"""{"issuer":"{{Issuer}}","jwks_uri":"{{Issuer}}/keys"}""", Encoding.UTF8, "application/json"),
        });
    }
}
