using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Latchkey.Cli;

/// <summary>
/// Registers the options and loggers that every start needs by their closed types. The container would close the open ones itself, but types that only it
/// closes are laid out by Native AOT's type loader anew in each process; these the compiler has laid out.
/// </summary>
internal static class ClosedServices
{
    public static void Add(IServiceCollection services)
    {
        AddOptions<ConsoleLoggerOptions>(services);
        AddOptions<ConsoleFormatterOptions>(services);
        AddOptions<JsonConsoleFormatterOptions>(services);
        AddOptions<SimpleConsoleFormatterOptions>(services);
        AddOptions<LoggerFactoryOptions>(services);
        AddOptions<LoggerFilterOptions>(services);
        AddOptions<ConsoleLifetimeOptions>(services);
        AddOptions<HostOptions>(services);
        AddOptions<KestrelServerOptions>(services);
        AddOptions<SocketTransportOptions>(services);
        AddOptions<RouteOptions>(services);
        AddOptions<RouteHandlerOptions>(services);
        AddOptions<FormOptions>(services);
        AddOptions<DataProtectionOptions>(services);
        AddOptions<KeyManagementOptions>(services);

        services.TryAddSingleton<ILogger<ApplicationLifetime>, Logger<ApplicationLifetime>>();
        services.TryAddSingleton<ILogger<KestrelServer>, Logger<KestrelServer>>();
    }

    private static void AddOptions<T>(IServiceCollection services) where T : class, new()
    {
        services.TryAddTransient<IOptionsFactory<T>>(static provider => new OptionsFactory<T>(
            provider.GetServices<IConfigureOptions<T>>(), provider.GetServices<IPostConfigureOptions<T>>(), provider.GetServices<IValidateOptions<T>>()));
        services.TryAddSingleton<IOptionsMonitorCache<T>>(static _ => new OptionsCache<T>());
        services.TryAddSingleton<IOptionsMonitor<T>>(static provider => new OptionsMonitor<T>(
            provider.GetRequiredService<IOptionsFactory<T>>(), provider.GetServices<IOptionsChangeTokenSource<T>>(), provider.GetRequiredService<IOptionsMonitorCache<T>>()));
        services.TryAddSingleton<IOptions<T>>(static provider => new OptionsManager<T>(provider.GetRequiredService<IOptionsFactory<T>>()));
    }
}
