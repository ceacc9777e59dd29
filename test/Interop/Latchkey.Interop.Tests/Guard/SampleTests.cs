using System.Net;
using System.Text.Json;
using Latchkey.Interop.Tests.Client;

namespace Latchkey.Interop.Tests.Guard;

/// <summary>The samples work against any provider: here against node oidc-provider, with the API guarded for its tokens.</summary>
public sealed class SampleTests(OidcProvider provider)
{
    [Fact, Spec("OAuth 2.1", "4.2"), Spec("RFC 9068", "4")]
    public async Task The_service_calls_the_api_with_one_token()
    {
        var address = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        await using var api = await ApiAsync(address);
        await using var service = SampleProgram.Start("service", [.. Settings("service", "api:read"), "--call", address + "/read", "--times", "5", "--parallel", "3"]);
        var (exitCode, lines) = await service.FinishAsync();
        Assert.Equal(0, exitCode);
        Assert.All(lines.SkipLast(1), line => Assert.Equal(200, JsonElement.Parse(line).GetProperty("status").GetInt32()));
        Assert.Equal("""{"calls":5,"token_requests":1}""", lines[^1]);
    }

    [Fact, Spec("OIDC Core", "3.1"), Spec("OIDC RP-Initiated Logout", "2")]
    public async Task The_web_app_signs_people_in_and_out()
    {
        await using var web = await SampleProgram.ListenAsync("web", [.. Settings("website", "openid profile"), "--urls", provider.Website]);
        using var alice = new AppBrowser(provider.Issuer) { Walk = OidcProvider.WalkAsync, Accept = "application/json" };
        var dashboard = await alice.GetJsonAsync(provider.Website + "/dashboard");
        Assert.Equal("alice at oidc-provider", dashboard.GetProperty("user").GetProperty("name").GetString());
        Assert.Equal("alice", dashboard.GetProperty("user").GetProperty("sub").GetString());

        var (status, _) = await alice.GetAsync(provider.Website + "/logout");
        Assert.Equal((HttpStatusCode.OK, provider.Website + "/"), (status, alice.Url!.GetLeftPart(UriPartial.Path)));
        // Signed out at both ends: the provider asks who it is.
        alice.Walk = (person, url) => person.GetAsync(url);
        var (_, page) = await alice.GetAsync(provider.Website + "/dashboard");
        Assert.Contains("name=\"login\"", page, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 8707", "2.2")]
    public async Task The_web_app_calls_the_api_as_the_person()
    {
        var address = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        await using var api = await ApiAsync(address);
        await using var web = await SampleProgram.ListenAsync("web", [.. Settings("website-api", "openid api:read"), "--urls", provider.WebsiteWithApi, "--api", address]);
        using var alice = new AppBrowser(provider.Issuer) { Walk = OidcProvider.WalkAsync, Accept = "application/json" };
        var (status, text) = await alice.GetAsync(provider.WebsiteWithApi + "/call-api");
        Assert.True(status == HttpStatusCode.OK, text);
        Assert.Contains("website-api", text, StringComparison.Ordinal);
        Assert.Contains("alice", text, StringComparison.Ordinal);
    }

    private Task<SampleProgram> ApiAsync(string address) =>
        SampleProgram.ListenAsync("api", "--issuer", provider.Issuer, "--resource", OidcProvider.Api, "--urls", address);

    private string[] Settings(string client, string scope) =>
        ["--issuer", provider.Issuer, "--client-id", client, "--client-secret", OidcProvider.Secret, "--scope", scope];
}
