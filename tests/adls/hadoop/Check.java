// SPDX-License-Identifier: Apache-2.0
// Hadoop's ABFS driver against the test server: Check.java PORT ACCOUNT KEY. Ends with 0 when all is right.

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

public class Check {
    static void same(Object found, Object wanted) {
        if (!Objects.equals(found, wanted)) {
            throw new AssertionError("found " + found + ", wanted " + wanted);
        }
    }

    static Configuration configuration(String port, String host, String key) {
        Configuration conf = new Configuration(false);
        conf.set("fs.abfs.impl", "org.apache.hadoop.fs.azurebfs.AzureBlobFileSystem");
        conf.set("fs.azure.abfs.endpoint", "127.0.0.1:" + port);
        conf.set("fs.azure.always.use.https", "false");
        conf.set("fs.azure.account.auth.type", "SharedKey");
        conf.set("fs.azure.account.key." + host, key);
        conf.set("fs.azure.networking.library", "JDK_HTTP_URL_CONNECTION");
        conf.set("fs.azure.createRemoteFileSystemDuringInitialization", "true");
        conf.set("fs.azure.io.retry.max.retries", "3");
        return conf;
    }

    static String names(FileSystem fs, String path) throws Exception {
        return Arrays.toString(Arrays.stream(fs.listStatus(new Path(path))).map(s -> s.getPath().getName()).toArray());
    }

    public static void main(String[] args) throws Exception {
        String host = args[1] + ".dfs.core.windows.net";
        URI uri = new URI("abfs://hadoop@" + host + "/");
        FileSystem fs = FileSystem.newInstance(uri, configuration(args[0], host, args[2]));
        Path file = new Path("/d x/f ü%41.csv");
        byte[] data = "0123456789".repeat(1000000).getBytes(StandardCharsets.UTF_8);

        try (FSDataOutputStream out = fs.create(file)) {
            out.write(data);
            out.hflush();
            same(fs.getFileStatus(file).getLen(), 10000000L);
            out.write(data);
        }
        same(fs.getFileStatus(file).getLen(), 20000000L);
        try (FSDataInputStream in = fs.open(file)) {
            byte[] part = new byte[10];
            in.readFully(9999995, part);
            same(new String(part, StandardCharsets.UTF_8), "5678901234");
        }

        Path moved = new Path("/d x/g");
        same(fs.rename(file, moved), true);
        same(fs.exists(file), false);
        try (FSDataOutputStream out = fs.append(moved)) {
            out.write(65);
        }
        FileStatus status = fs.getFileStatus(moved);
        same(status.getLen(), 20000001L);
        same(status.isFile(), true);

        fs.mkdirs(new Path("/e/f/g"));
        same(names(fs, "/"), "[d x, e]");
        same(fs.rename(new Path("/d x"), new Path("/e/f")), true);
        same(names(fs, "/e/f"), "[d x, g]");
        same(fs.rename(new Path("/none"), new Path("/e/h")), false);
        same(fs.delete(new Path("/e"), true), true);
        same(names(fs, "/"), "[]");
        fs.close();
        System.out.println("ok");
    }
}
