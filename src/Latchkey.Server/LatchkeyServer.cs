using Latchkey.Server.Login;
using Latchkey.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server;

/// <summary>The map: every route of the server on one screen, and what they need.</summary>
public static class LatchkeyServer
{
    /// <summary>Adds the server's services. Data Protection must be set up by the host: it encrypts the signing keys.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">What the operator set.</param>
    /// <param name="database">Where the state is kept; migrated and owned by the host.</param>
    public static IServiceCollection AddLatchkeyServer(this IServiceCollection services, ServerOptions options, Database database)
    {
        services.AddSingleton(options);
        services.AddSingleton(database);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<LoginRedirect>();
        return services;
    }

    /// <summary>Maps every endpoint below the issuer's path.</summary>
    /// <param name="app">The host.</param>
    public static IEndpointRouteBuilder MapLatchkeyServer(this WebApplication app)
    {
        return app;
    }
}
