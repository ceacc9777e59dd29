using System.Buffers.Text;
using Latchkey.Server.Keys;
using Latchkey.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;

namespace Latchkey.Cli;

/// <summary>
/// The key ring that encrypts keys and forms, the same for the server and the command line: in the data folder beside a database file, in the database
/// where nodes share one. An operator may bring a key under which it is encrypted.
/// </summary>
internal static class KeyRingSetup
{
    private const int KeySize = 32;

    /// <summary>Reads the key that the operator brings.</summary>
    /// <returns>32 bytes, or null if there is none.</returns>
    /// <exception cref="SettingException">The file can't be read or holds something else.</exception>
    public static byte[]? ReadKey(SettingSources sources)
    {
        if (sources.Find(Setting.KeyEncryptionKey) is not { } value) return null;
        // The variable may hold the key itself, for programs that hand secrets over so. A command line can be seen by other users.
        if (value.Source == Setting.KeyEncryptionKey.Variable && Decode(value.Text) is { } given) return given;
        string text;
        try
        {
            text = File.ReadAllText(value.Text);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new SettingException($"{value.Source} names a file that can't be read; write 32 random bytes in base64 to one: openssl rand -base64 32.");
        }

        return Decode(text.Trim()) ?? throw new SettingException($"The file of {value.Source} does not hold 32 bytes in base64; make one with: openssl rand -base64 32.");
    }

    /// <summary>Adds Data Protection.</summary>
    /// <param name="services">The services.</param>
    /// <param name="data">The data folder.</param>
    /// <param name="database">The database.</param>
    /// <param name="isShared">Whether the database holds the ring.</param>
    /// <param name="key">From <see cref="ReadKey"/>.</param>
    public static void AddKeyRing(this IServiceCollection services, string data, Database database, bool isShared, byte[]? key)
    {
        services.AddDataProtection().SetApplicationName("latchkey");
        if (!isShared) DataFolder.CreateKeyRing(data);
        services.Configure<KeyManagementOptions>(options =>
            options.XmlRepository = new SealedKeyRing(isShared ? new DatabaseKeyRing(database) : new DurableKeyRing(DataFolder.KeyRing(data)), key));
    }

    /// <summary>Sees that the ring can be opened, and that all nodes begin with one key. The schema must be in order.</summary>
    /// <exception cref="SettingException">It was encrypted under a key that was not given.</exception>
    public static async Task PrepareKeyRingAsync(this IServiceProvider services, bool isShared)
    {
        try
        {
            var keys = services.GetRequiredService<IKeyManager>();
            _ = keys.GetAllKeys();
            if (!isShared) return;
            await DatabaseKeyRing.EnsureAsync(services.GetRequiredService<Database>(), keys, services.GetRequiredService<TimeProvider>()).ConfigureAwait(false);
            // Data Protection reads its ring synchronously when it first needs it. Where many need it at once, all threads would wait for an answer that
            // none is left to take; so it is read here, by one.
            _ = services.GetRequiredService<IDataProtectionProvider>().CreateProtector(SigningKeys.Protection).Protect([0]);
        }
        catch (KeyRingException exception)
        {
            throw new SettingException(exception.Message, exception);
        }
    }

    private static byte[]? Decode(string text)
    {
        var key = new byte[KeySize];
        return Base64.IsValid(text, out var length) && length == KeySize && Convert.TryFromBase64String(text, key, out _) ? key : null;
    }
}
