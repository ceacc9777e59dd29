using System.Net;
using System.Net.Http.Headers;
using Latchkey.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchkey.ResourceServer.Tests;

/// <summary>ASP.NET's own ways to send a request from one scheme to another hold for the guard too.</summary>
public sealed class ForwardTests
{
    [Theory]
    [InlineData("https://one.test", false, HttpStatusCode.OK)]
    [InlineData("https://two.test", false, HttpStatusCode.Unauthorized)]
    [InlineData("https://one.test", true, HttpStatusCode.Unauthorized)]
    [InlineData("https://two.test", true, HttpStatusCode.OK)]
    public async Task One_scheme_sends_its_requests_to_another(string audience, bool isForwarded, HttpStatusCode status)
    {
        await using var authority = await TestAuthority.StartAsync();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(authority.Clock);
        builder.Services.AddAuthentication("one")
            .AddLatchkeyResourceServer("one", options =>
            {
                (options.Issuer, options.Resource, options.BackchannelHttpHandler) = (authority.Issuer, "https://one.test", authority.CreateHandler());
                options.ForwardDefaultSelector = context => context.Request.Headers.ContainsKey("X-Two") ? "two" : "one";
            })
            .AddLatchkeyResourceServer("two", options => (options.Issuer, options.Resource, options.BackchannelHttpHandler) = (authority.Issuer, "https://two.test", authority.CreateHandler()));
        await using var app = builder.Build();
        app.MapGet("/any", () => "ok").RequireAuthorization();
        app.MapGet("/scoped", () => "ok").RequireScope("api:read");
        await app.StartAsync();
        using var http = app.GetTestClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", authority.Token().Audience(audience).Sign());
        if (isForwarded) http.DefaultRequestHeaders.Add("X-Two", "1");

        using var answer = await http.GetAsync(new Uri("/any", UriKind.Relative));
        Assert.Equal(status, answer.StatusCode);
        var asked = $"resource_metadata=\"https://{(isForwarded ? "two" : "one")}.test/";
        if (status == HttpStatusCode.Unauthorized)
        {
            Assert.Contains(asked, answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
            return;
        }

        using var forbidden = await http.GetAsync(new Uri("/scoped", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);
        Assert.Contains(asked, forbidden.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
    }
}
