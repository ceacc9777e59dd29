using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Client.AspNetCore.SignIn;
using Latchkey.Client.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Latchkey.Client.AspNetCore;

/// <summary>Sign-in for web apps, and HTTP clients that call APIs for the person who is signed in.</summary>
public static class LatchkeySignInServices
{
    /// <summary>
    /// Signs people in through a client of <c>AddLatchkeyClient</c>: the browser gets a session cookie and never a token. The paths of
    /// <see cref="LatchkeySignInOptions"/> answer by themselves once <c>UseAuthentication</c> runs, which a <c>WebApplication</c> does by itself.
    /// </summary>
    /// <param name="builder">From <c>services.AddAuthentication()</c>.</param>
    /// <param name="name">The client's name in this program, which becomes the scheme's.</param>
    /// <param name="configure">Changes paths and lifetimes.</param>
    public static AuthenticationBuilder AddLatchkeySignIn(this AuthenticationBuilder builder, string name, Action<LatchkeySignInOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var services = builder.Services;
        services.AddHttpContextAccessor();
        AddApiForwarding(services);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<SignInParts>();
        services.TryAddSingleton<ISessionStore>(provider => new MemorySessionStore(provider.GetRequiredService<TimeProvider>()));
        services.PostConfigure<LatchkeySignInOptions>(name, options => options.Client = string.IsNullOrEmpty(options.Client) ? name : options.Client);
        builder.AddScheme<LatchkeySignInOptions, SignInHandler>(name, configure);
        // A wrong setting is told when the program starts, not to the first person who comes.
        services.AddOptions<LatchkeySignInOptions>(name).ValidateOnStart();
        services.AddSingleton<IValidateOptions<LatchkeySignInOptions>>(provider => new SignInValidation(
            name, provider.GetService<IServiceProviderIsKeyedService>(), provider.GetRequiredService<IOptionsMonitor<LatchkeyClientOptions>>()));

        // The client of the scheme is known before the options are: read once, here.
        var options = new LatchkeySignInOptions();
        configure?.Invoke(options);
        services.AddKeyedSingleton<ITokenStore>(string.IsNullOrEmpty(options.Client) ? name : options.Client, (provider, _) => new SessionTokenStore(
            provider.GetRequiredService<ISessionStore>(), () => provider.GetRequiredService<IOptionsMonitor<LatchkeySignInOptions>>().Get(name).IdleTimeout));
        return builder;
    }

    /// <summary>
    /// Keeps sessions in the registered <see cref="IDistributedCache"/>, encrypted by Data Protection, so that all nodes of the app see them and they
    /// outlive a restart. The nodes must share the cache and the key ring of Data Protection.
    /// </summary>
    /// <param name="services">The services.</param>
    public static IServiceCollection AddLatchkeyDistributedSessions(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(TimeProvider.System);
        services.Replace(ServiceDescriptor.Singleton<ISessionStore>(provider => new DistributedSessionStore(
            provider.GetRequiredService<IDistributedCache>(), provider.GetRequiredService<IDataProtectionProvider>(), provider.GetRequiredService<TimeProvider>())));
        return services;
    }

    /// <summary>
    /// Lets each request carry the access token of whoever is signed in: renewed before it ends and once after a 401. A request never goes out without;
    /// it throws <see cref="TokenUnavailableException"/> instead, and where <c>NeedsSignIn</c> is true <c>UseLatchkeySignInAgain</c> sees to it.
    /// </summary>
    /// <param name="builder">From <c>services.AddHttpClient&lt;Orders&gt;()</c>.</param>
    /// <param name="name">The name given to <see cref="AddLatchkeySignIn"/>.</param>
    /// <param name="scope">The scope to ask for, part of what was granted; null for all of it.</param>
    /// <param name="resource">The API it is for (RFC 8707); null for that of the sign-in.</param>
    public static IHttpClientBuilder AddUserToken(this IHttpClientBuilder builder, string name, string? scope = null, string? resource = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        return builder.AddHttpMessageHandler(services =>
        {
            var accessor = services.GetRequiredService<IHttpContextAccessor>();
            var client = services.GetRequiredService<IOptionsMonitor<LatchkeySignInOptions>>().Get(name).Client;
            return new TokenHandler(
                async (_, _) => await UserTokenSources.OfAsync(accessor.HttpContext, name, scope, resource).ConfigureAwait(false),
                services.GetRequiredKeyedService<LatchkeyClient>(client));
        });
    }

    /// <summary>The name of the <see cref="HttpClient"/> by which <c>MapLatchkeyBff</c> calls APIs, to add a proxy or a test's handler to it.</summary>
    public static string ApiHttpClientName => SignInPart.ApiClientName;

    private static void AddApiForwarding(IServiceCollection services)
    {
        if (services.Any(service => service.ServiceType == typeof(SignInParts))) return;
        services.AddHttpForwarder();
        // Whatever the API says of cookies and redirects is for nobody here.
        services.AddHttpClient(SignInPart.ApiClientName)
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                AutomaticDecompression = System.Net.DecompressionMethods.None,
                PooledConnectionLifetime = TimeSpan.FromMinutes(5),
                ConnectTimeout = TimeSpan.FromSeconds(10),
            })
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan);
    }
}
