using Latchkey.Client.Hosting;
using Latchkey.Client.Tokens;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Latchkey.Client;

/// <summary>Clients by name in a program that uses dependency injection.</summary>
public static class LatchkeyClientServices
{
    /// <summary>
    /// Registers a client under a name. By that name, as a keyed service, there are then a <see cref="LatchkeyClient"/>, its <see cref="MachineTokens"/>,
    /// an <see cref="ITokenSource"/> of the client's own tokens, and, where an <see cref="ITokenStore"/> is registered, its <see cref="UserTokens"/>.
    /// Clients of one issuer share its metadata and keys. The options are judged when the program's host starts, or else when the client is first used; the
    /// provider is asked nothing before that.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The client's name in this program.</param>
    /// <param name="configure">Sets the options. Called again with the same name, it adds to them.</param>
    public static IServiceCollection AddLatchkeyClient(this IServiceCollection services, string name, Action<LatchkeyClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        AddClient(services, name);
        services.Configure(name, configure);
        return services;
    }

    /// <summary>
    /// The same from configuration, by the keys <c>Issuer</c>, <c>ClientId</c>, <c>ClientSecret</c>, <c>Scope</c>, <c>Resource</c> (one, or a list),
    /// <c>RedirectUri</c>, <c>PostLogoutRedirectUri</c>, <c>ResponseMode</c>, <c>PushedRequests</c>, <c>ClockSkew</c>, <c>TransactionLifetime</c> and
    /// <c>DPoP</c>. A key that is none of these is an error that names it.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The client's name in this program.</param>
    /// <param name="section">The client's section.</param>
    /// <param name="configure">Sets what configuration can't hold, such as a private key.</param>
    public static IServiceCollection AddLatchkeyClient(
        this IServiceCollection services, string name, IConfiguration section, Action<LatchkeyClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(section);
        AddClient(services, name);
        services.Configure<LatchkeyClientOptions>(name, options => ClientConfiguration.Apply(section, name, options));
        if (configure is not null) services.Configure(name, configure);
        return services;
    }

    /// <summary>
    /// Lets the nodes of a service share machine tokens in the registered <see cref="HybridCache"/>, encrypted by the registered Data Protection; with an
    /// <see cref="ITokenLock"/> registered, one node at a time fetches.
    /// </summary>
    /// <param name="services">The services.</param>
    public static IServiceCollection AddLatchkeySharedTokens(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(provider => new SharedTokens(
            provider.GetRequiredService<HybridCache>(), provider.GetRequiredService<IDataProtectionProvider>(), provider.GetService<ITokenLock>(),
            provider.GetService<TimeProvider>(), provider.GetService<ILogger<SharedTokens>>()));
        return services;
    }

    /// <summary>The name of the <see cref="HttpClient"/> by which a client speaks to its provider, to add a proxy or a test's handler to it.</summary>
    /// <param name="name">The client's name in this program.</param>
    public static string HttpClientName(string name) => "Latchkey.Client:" + name;

    private static void AddClient(IServiceCollection services, string name)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(name);
        services.AddOptions();
        services.TryAddSingleton<SharedProviders>();
        if (services.Any(service => service.IsKeyedService && service.ServiceType == typeof(LatchkeyClient) && name.Equals(service.ServiceKey))) return;

        // A wrong setting is told when the program starts; without a host there is no start, and the first use tells.
        services.AddOptions<LatchkeyClientOptions>(name).ValidateOnStart();
        services.AddSingleton<IValidateOptions<LatchkeyClientOptions>>(new ClientValidation(name));

        // The client lives as long as the program, and its handler with it; connections are renewed by their own lifetime.
        services.AddHttpClient(HttpClientName(name))
            .ConfigurePrimaryHttpMessageHandler(provider => ClientHandler.Create(Options(provider, name)))
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan);
        services.AddKeyedSingleton(name, static (provider, key) => CreateClient(provider, (string)key!));
        services.AddKeyedSingleton(name, static (provider, key) => new MachineTokens(
            provider.GetRequiredKeyedService<LatchkeyClient>(key), provider.GetService<TimeProvider>(), provider.GetService<SharedTokens>()));
        services.AddKeyedSingleton<ITokenSource>(name, static (provider, key) => provider.GetRequiredKeyedService<MachineTokens>(key));
        services.AddKeyedSingleton(name, static (provider, key) => new UserTokens(
            provider.GetRequiredKeyedService<LatchkeyClient>(key),
            provider.GetKeyedService<ITokenStore>(key) ?? provider.GetService<ITokenStore>()
                ?? throw new InvalidOperationException($"The people of the Latchkey client \"{key}\" need a place for their tokens: register an ITokenStore."),
            provider.GetService<ITokenLock>(), provider.GetService<TimeProvider>()));
    }

    private static LatchkeyClient CreateClient(IServiceProvider provider, string name)
    {
        var options = Options(provider, name);
        var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient(HttpClientName(name));
        var clock = provider.GetService<TimeProvider>() ?? TimeProvider.System;
        return new LatchkeyClient(options, http, clock, provider.GetRequiredService<SharedProviders>().For(options.Issuer, http, clock));
    }

    private static LatchkeyClientOptions Options(IServiceProvider provider, string name) =>
        provider.GetRequiredService<IOptionsMonitor<LatchkeyClientOptions>>().Get(name);
}
