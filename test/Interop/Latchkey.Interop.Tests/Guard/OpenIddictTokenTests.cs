using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using Latchkey.Interop.Tests.Client;
using Latchkey.ResourceServer;
using Latchkey.ResourceServer.Introspection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchkey.Interop.Tests.Guard;

/// <summary>The API guard against the access tokens of OpenIddict: JWTs, and references that only OpenIddict can read.</summary>
public sealed class OpenIddictTokenTests(OpenIddictServer server)
{
    [Fact, Spec("RFC 9068", "4")]
    public async Task A_jwt_of_OpenIddict_is_let_in_with_no_setting_but_issuer_and_resource()
    {
        await using var api = await ApiAsync(server);
        var token = await TokenAsync(server, OpenIddictServer.Api);
        Assert.Equal("web may api:read", await ReadAsync(api, token));
        // 'A' in the place of another character of the signature.
        var at = token.Length - 20;
        Assert.Equal("LK-JWT-SIGNATURE", await ReadAsync(api, token[..at] + (token[at] == 'A' ? 'B' : 'A') + token[(at + 1)..]));
        Assert.Equal("LK-JWT-AUDIENCE", await ReadAsync(api, await TokenAsync(server, null)));
    }

    [Fact, Spec("RFC 7662", "2"), Spec("RFC 7009", "2")]
    public async Task A_reference_token_of_OpenIddict_is_asked_about_and_ends_when_it_is_revoked()
    {
        await using var references = new OpenIddictServer { HasReferenceTokens = true };
        await references.InitializeAsync();
        await using var api = await ApiAsync(references, options =>
        {
            options.Introspection.Mode = IntrospectionMode.OpaqueTokens;
            options.Introspection.ClientId = OpenIddictServer.Api;
            options.Introspection.ClientSecret = OpenIddictServer.Secret;
            options.Introspection.CacheLifetime = TimeSpan.Zero;
        });
        var token = await TokenAsync(references, OpenIddictServer.Api);
        Assert.DoesNotContain('.', token);
        Assert.Equal("web may api:read", await ReadAsync(api, token));
        using var client = references.Client("web");
        await client.RevokeAsync(token);
        Assert.Equal("LK-RS-TOKEN-INACTIVE", await ReadAsync(api, token));
        Assert.Equal("LK-RS-TOKEN-INACTIVE", await ReadAsync(api, "made-up"));
    }

    private static async Task<string> TokenAsync(OpenIddictServer issuer, string? resource)
    {
        using var client = issuer.Client("web", options => options.Resource = resource);
        return (await client.ClientCredentialsAsync("api:read")).AccessToken.Value;
    }

    private static async Task<WebApplication> ApiAsync(OpenIddictServer issuer, Action<ResourceServerOptions>? change = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            options.Issuer = issuer.Issuer;
            options.Resource = OpenIddictServer.Api;
            change?.Invoke(options);
        });
        var api = builder.Build();
        api.MapGet("/read", (ClaimsPrincipal caller) => $"{caller.FindFirstValue("client_id")} may {caller.FindFirstValue("scope")}").RequireScope("api:read");
        await api.StartAsync();
        return api;
    }

    /// <summary>What the API says, or the code of its refusal.</summary>
    private static async Task<string> ReadAsync(WebApplication api, string token)
    {
        using var http = new HttpClient { BaseAddress = new Uri(api.Urls.Single()) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await http.GetAsync(new Uri("/read", UriKind.Relative));
        if (response.StatusCode == HttpStatusCode.OK) return await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        return response.Headers.WwwAuthenticate.ToString().Split("error_description=\"")[1].Split(':')[0];
    }
}
