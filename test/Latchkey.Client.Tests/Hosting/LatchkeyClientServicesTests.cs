using Latchkey.Client.Hosting;
using Latchkey.Client.Tests.Tokens;
using Latchkey.Client.Tokens;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Latchkey.Client.Tests.Hosting;

public sealed class LatchkeyClientServicesTests : IDisposable
{
    private readonly ScriptedProvider _provider = new();

    public void Dispose() => _provider.Dispose();

    [Fact, Check("C22")]
    public async Task A_typed_client_gets_its_token_from_a_named_client()
    {
        using var api = new ScriptedApi();
        await using var services = Services(services =>
        {
            services.AddLatchkeyClient("billing", Options);
            services.AddHttpClient<Invoices>(http => http.BaseAddress = new("https://api.test/")).AddMachineToken("billing").ConfigurePrimaryHttpMessageHandler(() => api);
        });
        for (var i = 0; i < 3; i++) await services.GetRequiredService<Invoices>().ReadAsync();
        Assert.Equal(Enumerable.Repeat("Bearer access-1", 3), api.Calls.Select(call => call.Authorization));
        Assert.Same(services.GetRequiredKeyedService<ITokenSource>("billing"), services.GetRequiredKeyedService<MachineTokens>("billing"));
    }

    [Fact]
    public async Task Nothing_is_asked_and_nothing_judged_before_the_client_is_used()
    {
        using var api = new ScriptedApi();
        await using var services = Services(services =>
        {
            services.AddLatchkeyClient("broken", options => options.Issuer = "http://id.example.com");
            services.AddHttpClient<Invoices>().AddMachineToken("broken").ConfigurePrimaryHttpMessageHandler(() => api);
        });
        var failure = Assert.Throws<OptionsValidationException>(services.GetRequiredService<Invoices>);
        Assert.Contains("Latchkey client \"broken\": Issuer uses http", failure.Message, StringComparison.Ordinal);
        Assert.Contains("ClientId is empty", failure.Message, StringComparison.Ordinal);
        Assert.Empty(_provider.TokenRequests);
    }

    [Fact]
    public async Task A_program_with_a_host_hears_of_wrong_settings_when_it_starts()
    {
        await using var services = Services(services => services.AddLatchkeyClient("billing", Options)
            .AddLatchkeyClient("broken", Section(("Issuer", ScriptedProvider.Issuer), ("ClientSecret", "a secret of the app")), options => options.ClockSkew = TimeSpan.FromHours(1)));
        // What a host does first.
        var failure = Assert.Throws<OptionsValidationException>(services.GetRequiredService<IStartupValidator>().Validate);
        Assert.Equal(["Latchkey client \"broken\": ClientId is empty; set it to the id that the provider gave this client.",
            "Latchkey client \"broken\": ClockSkew is not between zero and five minutes."], failure.Failures);
        Assert.Empty(_provider.TokenRequests);
    }

    [Fact]
    public async Task Clients_of_one_issuer_share_its_metadata()
    {
        await using var services = Services(services => services.AddLatchkeyClient("one", Options).AddLatchkeyClient("two", Options));
        Assert.Same(services.GetRequiredKeyedService<LatchkeyClient>("one").Provider, services.GetRequiredKeyedService<LatchkeyClient>("two").Provider);
        Assert.NotSame(services.GetRequiredKeyedService<LatchkeyClient>("one"), services.GetRequiredKeyedService<LatchkeyClient>("two"));
    }

    [Fact]
    public async Task A_client_that_is_registered_twice_is_one_with_both_options()
    {
        await using var services = Services(services => services.AddLatchkeyClient("billing", Options).AddLatchkeyClient("billing", options => options.Scope = "api:write"));
        var client = services.GetRequiredKeyedService<LatchkeyClient>("billing");
        Assert.Equal(("app", "api:write"), (client.Options.ClientId, client.Options.Scope));
        Assert.Single(services.GetKeyedServices<LatchkeyClient>("billing"));
    }

    [Fact]
    public async Task A_client_can_be_configured()
    {
        await using var services = Services(services => services.AddLatchkeyClient("billing", Section(
            ("Issuer", ScriptedProvider.Issuer), ("ClientId", "app"), ("ClientSecret", "a secret of the app"), ("Scope", "api:read"),
            ("Resource:0", "https://api.test"), ("Resource:1", "https://files.test"), ("ClockSkew", "00:00:10"), ("PushedRequests", "always"), ("DPoP", "true"))));
        var options = services.GetRequiredKeyedService<LatchkeyClient>("billing").Options;
        Assert.Equal("client_secret_basic", options.Credential.Method);
        Assert.Equal(["https://api.test", "https://files.test"], options.Resources);
        Assert.Equal(TimeSpan.FromSeconds(10), options.ClockSkew);
        Assert.Equal(PushedRequests.Always, options.PushedRequests);
        Assert.NotNull(options.DPoPKey);
    }

    [Theory]
    [InlineData("ClientID2", "x", "client:ClientID2 is no setting of a client; the settings are Issuer, ClientId")]
    [InlineData("ClockSkew", "soon", "client:ClockSkew is no time such as 00:00:30")]
    [InlineData("PushedRequests", "perhaps", "client:PushedRequests is none of WhenAdvertised, Always, OnlyWhenRequired")]
    [InlineData("DPoP", "yes", "client:DPoP is neither true nor false")]
    public async Task A_wrong_setting_is_named(string key, string value, string message)
    {
        await using var services = Services(services => services.AddLatchkeyClient("billing", Section(("ClientSecret", "a secret of the app"), (key, value))));
        var failure = Assert.Throws<InvalidOperationException>(() => services.GetRequiredKeyedService<LatchkeyClient>("billing"));
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("a secret", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task People_need_a_store_and_the_error_says_so()
    {
        await using var without = Services(services => services.AddLatchkeyClient("billing", Options));
        Assert.Contains("register an ITokenStore", Assert.Throws<InvalidOperationException>(() => without.GetRequiredKeyedService<UserTokens>("billing")).Message, StringComparison.Ordinal);
        await using var with = Services(services => services.AddLatchkeyClient("billing", Options).AddSingleton<ITokenStore, MemoryTokenStore>());
        Assert.NotNull(with.GetRequiredKeyedService<UserTokens>("billing"));
    }

    [Fact, Check("C26")]
    public void The_connections_to_the_provider_follow_no_redirect()
    {
        using var handler = Assert.IsType<SocketsHttpHandler>(ClientHandler.Create(new()));
        Assert.False(handler.AllowAutoRedirect);
        Assert.Null(handler.SslOptions.RemoteCertificateValidationCallback);
    }

    private static void Options(LatchkeyClientOptions options)
    {
        options.Issuer = ScriptedProvider.Issuer;
        options.ClientId = "app";
        options.Credential = ClientCredential.Secret("a secret of the app");
        options.Scope = "api:read";
    }

    private ServiceProvider Services(Action<IServiceCollection> add)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_provider.Clock);
        add(services);
        foreach (var name in (string[])["billing", "broken", "one", "two"])
            services.AddHttpClient(LatchkeyClientServices.HttpClientName(name)).ConfigurePrimaryHttpMessageHandler(() => _provider);
        return services.BuildServiceProvider();
    }

    private static IConfiguration Section(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create("client:" + setting.Key, (string?)setting.Value))).Build().GetSection("client");

    private sealed class Invoices(HttpClient http)
    {
        public Task<HttpResponseMessage> ReadAsync() => http.GetAsync("invoices");
    }
}
