using Latchkey.Testing.Wiring;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Options;

namespace Latchkey.Testing;

/// <summary>
/// Lets an app under test trust a <see cref="TestAuthority"/> instead of the provider it is configured with. The app's own schemes stay, with all their
/// checks: JwtBearer, OpenIdConnect, the Latchkey guard and client, OpenIddict validation and client. Their issuer, metadata, keys, connections and, where
/// they have one, clock become the authority's. Every client of <see cref="IHttpClientFactory"/> reaches the authority too.
/// </summary>
public static class AuthorityExtensions
{
    /// <summary>Wires the app of a factory.</summary>
    /// <typeparam name="TEntryPoint">The app's entry point.</typeparam>
    /// <param name="factory">The factory; it stays as it is.</param>
    /// <param name="authority">The authority.</param>
    /// <param name="configure">Changes how.</param>
    /// <returns>A factory of the wired app.</returns>
    public static WebApplicationFactory<TEntryPoint> UseAuthority<TEntryPoint>(
        this WebApplicationFactory<TEntryPoint> factory, TestAuthority authority, Action<AuthorityWiring>? configure = null)
        where TEntryPoint : class
    {
        ArgumentNullException.ThrowIfNull(factory);
        return factory.WithWebHostBuilder(builder => builder.UseAuthority(authority, configure));
    }

    /// <summary>Wires an app, whatever is registered before and after; that of a <c>WebApplicationBuilder</c> after its services are registered.</summary>
    /// <param name="builder">The app's builder.</param>
    /// <param name="authority">The authority.</param>
    /// <param name="configure">Changes how.</param>
    public static IWebHostBuilder UseAuthority(this IWebHostBuilder builder, TestAuthority authority, Action<AuthorityWiring>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        // That of a WebApplicationBuilder has no later moment than now.
        return builder is ConfigureWebHostBuilder
            ? builder.ConfigureServices(services => services.UseAuthority(authority, configure))
            : builder.ConfigureTestServices(services => services.UseAuthority(authority, configure));
    }

    /// <summary>Wires an app; to be called after what registers its services.</summary>
    /// <param name="builder">The app's builder.</param>
    /// <param name="authority">The authority.</param>
    /// <param name="configure">Changes how.</param>
    public static IHostBuilder UseAuthority(this IHostBuilder builder, TestAuthority authority, Action<AuthorityWiring>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.ConfigureServices(services => services.UseAuthority(authority, configure));
    }

    /// <summary>Wires an app; to be called after everything else is registered.</summary>
    /// <param name="services">The app's services.</param>
    /// <param name="authority">The authority.</param>
    /// <param name="configure">Changes how.</param>
    public static IServiceCollection UseAuthority(this IServiceCollection services, TestAuthority authority, Action<AuthorityWiring>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(authority);
        var wiring = new AuthorityWiring();
        configure?.Invoke(wiring);
        if (wiring.ShareClock) services.RemoveAll<TimeProvider>().AddSingleton<TimeProvider>(authority.Time);

        services.AddSingleton(new Wires(authority, wiring));
        // Open generics: which options an app has, and under which names, is known only when it asks for them.
        services.AddSingleton(typeof(IConfigureOptions<>), typeof(AuthorityOptionsBefore<>));
        services.AddSingleton(typeof(IPostConfigureOptions<>), typeof(AuthorityOptionsAfter<>));
        services.AddSingleton<IHttpMessageHandlerBuilderFilter>(new AuthorityRouteFilter(authority));
        return services;
    }
}
